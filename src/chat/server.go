package chat

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/app"
	"chatlab/src/errs"
	"chatlab/src/mtls"
	"chatlab/src/token"
	"chatlab/src/wait"
)

// Options is what a Server is made of.
type Options struct {
	Listen   string      // host:port; port 0 takes a free one
	Also     []string    // further addresses, see app.Listen
	TLS      *tls.Config // nil: plain TCP
	Log      Log
	Presence Presence // nil for a server of its own
	Tokens   *token.Ring
	Limits   Limits
	Metrics  prometheus.Registerer
	Logger   *slog.Logger

	Revocations Revocations
}

// Server is the chat server.
type Server struct {
	log      Log
	peers    Presence
	tokens   *token.Ring
	limits   Limits
	logger   *slog.Logger
	ln       net.Listener // of TCP
	tls      *tls.Config
	refusals *mtls.Refusals
	hub      *hub
	stats    *Metrics
	rates    *rates
	doors    *app.Doors
	resume   *replays
	aside    chan func() // work that needs a deep stack

	revoked *revoked

	mu       sync.Mutex
	open     map[*session]struct{}
	stopping bool
	sessions sync.WaitGroup
}

// Limits of connections.
const (
	settleTimeout = time.Second            // for the session's own lines to come back
	refuseTimeout = 500 * time.Millisecond // for a peer to take the last line
	lingerBytes   = 16 << 20               // read and dropped meanwhile
	sendBuffer    = 256 << 10              // bytes of a socket
	keepAlive     = 30 * time.Second       // of silent peers, three probes
)

// New binds the listener. Fails with code usage.
func New(o Options) (*Server, error) {
	if err := o.Limits.Check(); err != nil {
		return nil, err
	}
	cfg := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepAlive, Interval: keepAlive / 2, Count: 3}}
	ln, err := app.Listen(cfg, o.Listen, o.Also...)
	if err != nil {
		return nil, errs.E(errs.Usage, "chat listener: %w", err).WithFix("stop what holds the address, or set listen or also")
	}
	o.Log = faithful(o.Log)
	stats := NewMetrics(o.Metrics)
	pace := ownPace
	if o.Presence != nil {
		pace = sharedPace
	}
	return &Server{
		log: o.Log, peers: o.Presence, tokens: o.Tokens, limits: o.Limits, logger: o.Logger,
		ln: ln, tls: o.TLS, refusals: mtls.NewRefusals(o.Logger), hub: newHub(o.Log, pace, stats), stats: stats,
		rates: newRates(o.Limits.Rate, o.Limits.Burst), doors: app.NewDoors(o.Limits.PerAddress, o.Limits.Connections), resume: newReplays(),
		revoked: newRevoked(o), aside: make(chan func()), open: map[*session]struct{}{},
	}, nil
}

// Addr returns the address that was bound, the first of several.
func (s *Server) Addr() string { return s.ln.Addr().String() }

// Users returns the users in a room of this server, sorted.
func (s *Server) Users(room string) []string {
	s.hub.mu.Lock()
	r := s.hub.rooms[room]
	s.hub.mu.Unlock()
	if r == nil {
		return nil
	}
	return r.users()
}

// Ready tells why lines cannot be passed on now, or nil.
func (s *Server) Ready() error {
	if !s.hub.following() {
		return errs.E(errs.Unavailable, "the log is not followed yet")
	}
	return nil
}

// Serve takes connections until ctx ends; then every session gets the code
// shutdown, and Serve waits for all of them.
func (s *Server) Serve(ctx context.Context) error {
	hubCtx, stopHub := context.WithCancel(context.WithoutCancel(ctx))
	var hub sync.WaitGroup
	var hubErr error
	hub.Go(func() {
		hubErr = s.hub.follow(hubCtx)
		_ = s.ln.Close() // ends accept
	})
	stop := context.AfterFunc(ctx, func() { _ = s.ln.Close() })
	defer stop()

	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for work := range s.aside {
				work()
			}
		})
	}
	sweeping, stopSweeps := context.WithCancel(hubCtx)
	var sweeps sync.WaitGroup
	sweeps.Go(func() { s.revoked.follow(sweeping, s.sweep) })
	s.accept(ctx)
	stopSweeps()
	s.stop()
	sweeps.Wait()
	s.sessions.Wait()
	close(s.aside)
	workers.Wait()
	stopHub()
	hub.Wait()
	s.hub.tasks.Wait()
	return hubErr
}

// accept takes connections until the listener is closed.
func (s *Server) accept(ctx context.Context) {
	for pause := (wait.Backoff{First: time.Millisecond, Last: time.Second}); ; {
		conn, err := s.ln.Accept()
		switch {
		case err == nil:
			pause.Reset()
			s.start(conn.(*net.TCPConn))
		case errors.Is(err, net.ErrClosed):
			return
		default: // no file descriptors, mostly: the connections at hand go on
			s.logger.Warn("accept failed", "err", err)
			pause.Sleep(ctx)
		}
	}
}

// start gives a connection its session and goroutine.
func (s *Server) start(conn *net.TCPConn) {
	c, err := newSession(s, conn)
	if err != nil {
		_ = conn.Close()
		return
	}
	s.mu.Lock()
	if s.stopping {
		s.mu.Unlock()
		_ = conn.Close()
		return
	}
	s.open[c] = struct{}{}
	s.sessions.Add(1)
	s.mu.Unlock()
	s.stats.connections.Inc()
	go func() {
		defer s.sessions.Done()
		c.serve()
		s.stats.connections.Dec()
		s.mu.Lock()
		delete(s.open, c)
		s.mu.Unlock()
	}()
}

// stop makes every session end with the code shutdown.
func (s *Server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
	for c := range s.open {
		c.stop()
	}
}

// halfCloser is a connection of TCP or TLS.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// closeGently closes a connection so that the peer can read the last bytes written
// last: what it still sends is read and dropped for a moment, since closing
// with unread input would reset the connection.
func closeGently(conn halfCloser) {
	_ = conn.CloseWrite()
	_ = conn.SetReadDeadline(time.Now().Add(refuseTimeout))
	var sink [4096]byte
	for n := 0; n < lingerBytes; {
		k, err := conn.Read(sink[:])
		if n += k; err != nil && !errors.Is(err, io.ErrNoProgress) {
			break
		}
	}
	_ = conn.Close()
}
