package logd

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/mtls"
	"chatlab/src/wait"
)

// Limits of a server.
const (
	maxConns    = 64      // connections at a time
	maxOfPeer   = 8       // of one role on one node
	maxInFlight = 2 << 20 // bytes read of a connection and not acknowledged
)

// pace holds the server's times, so that tests can shorten them.
type pace struct {
	handshake  time.Duration
	heartbeat  time.Duration // an idle connection is sent its acknowledgement this often
	silence    time.Duration // a logger that sends nothing for so long is left
	write      time.Duration // for one write
	insert     time.Duration // for one batch
	gather     time.Duration // from a small batch to the next
	backoffMin time.Duration // after a batch failed…
	backoffMax time.Duration // …doubling to this
}

func defaultPace() pace {
	return pace{handshake: 5 * time.Second, heartbeat: 3 * time.Second, silence: 10 * time.Second,
		write: 10 * time.Second, insert: 20 * time.Second, gather: 25 * time.Millisecond, backoffMin: 50 * time.Millisecond, backoffMax: 2 * time.Second}
}

// Server is the log server.
type Server struct {
	store   Store
	log     *slog.Logger
	ln      net.Listener
	tls     *tls.Config
	queue   chan chunk
	metrics *metrics
	refused *mtls.Refusals
	places  *mtls.Places
	pace    pace

	mu   sync.Mutex
	away error // why the last batch was not stored, or nil
}

// Listen binds the server on host:port. Metrics go to reg. Fails with code
// usage.
func Listen(addr string, files mtls.Files, store Store, log *slog.Logger, reg prometheus.Registerer) (*Server, error) {
	config, err := mtls.Server(files, mtls.Admitted(mtls.Logd)...)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, errs.E(errs.Usage, "listen: %w", err).WithFix("stop what holds the address, or set listen")
	}
	return &Server{store: store, log: log, ln: ln, tls: config, queue: make(chan chunk, maxConns),
		metrics: newMetrics(reg), refused: mtls.NewRefusals(log), places: mtls.NewPlaces(maxConns, maxOfPeer), pace: defaultPace()}, nil
}

// Addr returns the address that was bound.
func (s *Server) Addr() string { return s.ln.Addr().String() }

// Ready tells why events cannot be stored now (code unavailable), or nil.
func (s *Server) Ready(ctx context.Context) error {
	s.mu.Lock()
	away := s.away
	s.mu.Unlock()
	if away != nil {
		return away
	}
	return s.store.Ping(ctx)
}

func (s *Server) setAway(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = err
}

// Serve takes connections until ctx ends. Events not acknowledged by then
// stays with the loggers.
func (s *Server) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { s.batches(ctx) })
	closing := context.AfterFunc(ctx, func() { _ = s.ln.Close() })
	defer closing()
	for {
		c, err := s.ln.Accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // out of descriptors: others may leave
			s.log.Error("accept", "err", err)
			wait.Sleep(ctx, 100*time.Millisecond)
			continue
		}
		running.Go(func() { s.serve(ctx, c) })
	}
}

// serve takes one connection from its handshake to its end.
func (s *Server) serve(ctx context.Context, raw net.Conn) {
	defer func() { _ = raw.Close() }()
	closing := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer closing()
	tc := tls.Server(raw, s.tls)
	peer, err := s.handshake(ctx, tc)
	if errors.Is(err, io.EOF) {
		// A look whether the port answers: healthd's are many, and no attack.
		s.log.Debug("connection left before it showed a certificate", "addr", raw.RemoteAddr())
		return
	}
	if err != nil {
		s.metrics.refused.Inc()
		s.refused.Say(raw.RemoteAddr().String(), err)
		return
	}
	c := newConn(s, tc, peer.Role)
	if err := s.places.Enter(peer); err != nil {
		s.refused.Say(raw.RemoteAddr().String(), err)
		_ = c.answer(event.AppendReply(nil, event.Reply{Code: errs.CodeOf(err), Text: errs.Public(err)}))
		return
	}
	defer s.places.Leave(peer)
	s.metrics.connections.Inc()
	defer s.metrics.connections.Dec()
	s.log.Info("logger connected", "addr", raw.RemoteAddr(), "name", peer)
	err = c.run(ctx)
	s.log.Info("logger left", "addr", raw.RemoteAddr(), "name", peer, "lines", c.read, "err", err)
}

// handshake returns the peer that has proved its role.
func (s *Server) handshake(ctx context.Context, tc *tls.Conn) (mtls.Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, s.pace.handshake)
	defer cancel()
	if err := tc.HandshakeContext(ctx); err != nil {
		return mtls.Identity{}, err
	}
	return mtls.PeerOf(tc.ConnectionState())
}
