package zbx

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"chatlab/src/errs"
	"chatlab/src/wait"
)

// Handler gives the value of an item key, or an error whose public text says
// why there is none. It returns when ctx ends.
type Handler func(ctx context.Context, key string) (string, error)

// Options of a Server; zero values are the defaults told at each.
type Options struct {
	Allow   *Allow        // who may ask; needed
	Timeout time.Duration // for a request to come and its answer to go, default 3 s, as the agent's
	Longest time.Duration // for one check, whatever a request asks, default 30 s
	Version string        // in JSON answers, default "7.0.0"
	MaxConn int           // connections at once, default 256
	TLS     *tls.Config   // nil: none; else nothing is answered without it

	Refused func(addr string, err error) // called for a peer that TLS does not admit; may be nil
}

// notSupported begins an answer without a value.
const notSupported = "ZBX_NOTSUPPORTED\x00"

// Server answers passive checks.
type Server struct {
	ln     net.Listener
	handle Handler
	opt    Options
	slots  chan struct{}
	conns  sync.WaitGroup
	bufs   sync.Pool
}

// Listen binds a server. Fails with code usage.
func Listen(addr string, handle Handler, opt Options) (*Server, error) {
	if opt.Allow == nil {
		return nil, errs.E(errs.Usage, "allow: nobody may ask")
	}
	// Connections live for one exchange: probing idle ones makes no sense.
	config := net.ListenConfig{KeepAlive: -1}
	ln, err := config.Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, errs.E(errs.Usage, "health checks: %w", err).WithFix("stop what holds the address, or set listen")
	}
	opt.Timeout = or(opt.Timeout, 3*time.Second)
	opt.Longest = or(opt.Longest, 30*time.Second)
	opt.MaxConn = or(opt.MaxConn, 256)
	opt.Version = or(opt.Version, "7.0.0")
	s := &Server{ln: ln, handle: handle, opt: opt, slots: make(chan struct{}, opt.MaxConn)}
	s.bufs.New = func() any { b := make([]byte, 0, bufferSize); return &b }
	return s, nil
}

// bufferSize holds any key that a server sends; what needs more gets more.
const bufferSize = 4 << 10

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Addr returns the address that was bound.
func (s *Server) Addr() string { return s.ln.Addr().String() }

// Serve answers until ctx ends, then waits for the answers under way.
func (s *Server) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = s.ln.Close() })
	defer stop()
	defer s.conns.Wait()
	for s.slot(ctx) {
		conn, err := s.ln.Accept()
		if err != nil {
			<-s.slots
			if !wait.Sleep(ctx, acceptAgain) { // too many open files, or the like, passes
				return nil
			}
			continue
		}
		peer, _ := netip.ParseAddrPort(conn.RemoteAddr().String())
		s.goServe(ctx, conn, peer.Addr())
	}
	return nil
}

// slot waits for a place: a full house waits in the kernel's queue.
func (s *Server) slot(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case s.slots <- struct{}{}:
		return true
	}
}

// acceptAgain is the pause after a failed accept.
const acceptAgain = 20 * time.Millisecond

// goServe serves a connection in a goroutine of its own; it holds a slot.
func (s *Server) goServe(ctx context.Context, conn net.Conn, peer netip.Addr) {
	s.conns.Go(func() {
		defer func() { <-s.slots }()
		defer func() { _ = conn.Close() }()
		if s.opt.Allow.Has(ctx, peer) {
			s.serve(ctx, conn)
		}
	})
}

// serve answers the one request of a connection. A peer that may not ask, and
// a request that is none, get no answer, as from Zabbix's agent.
func (s *Server) serve(ctx context.Context, conn net.Conn) {
	if conn.SetDeadline(time.Now().Add(s.opt.Timeout)) != nil {
		return
	}
	if s.opt.TLS != nil {
		secured := tls.Server(conn, s.opt.TLS)
		if err := secured.HandshakeContext(ctx); err != nil {
			if s.opt.Refused != nil {
				s.opt.Refused(conn.RemoteAddr().String(), err)
			}
			return
		}
		conn = secured
	}
	buf := s.bufs.Get().(*[]byte)
	defer func() { s.bufs.Put(buf) }()
	request, err := readRequest(conn, (*buf)[:0])
	if err != nil {
		return
	}
	answer := s.answer(ctx, request)
	if conn.SetDeadline(time.Now().Add(s.opt.Timeout)) != nil {
		return
	}
	_, _ = conn.Write(AppendFrame((*buf)[:0], answer))
	if t, ok := conn.(*tls.Conn); ok {
		_ = t.CloseWrite() // the peer learns that nothing was cut off
	}
}

// readRequest reads a frame or a bare line; buf is empty, and room for it.
func readRequest(r io.Reader, buf []byte) ([]byte, error) {
	have, err := more(r, buf, bufferSize)
	if err != nil {
		return nil, err
	}
	if have[0] == magic[0] {
		if h, err := parseHeader(have); err == nil && uint64(len(have)-h.size) > h.length {
			return nil, errs.E(errs.BadRequest, "more than the frame says")
		}
		return readOn(r, have)
	}
	for {
		if i := bytes.IndexByte(have, '\n'); i >= 0 {
			return bytes.TrimSuffix(have[:i], []byte("\r")), nil
		}
		if len(have) > MaxKey {
			return nil, errs.E(errs.TooLong, "a line of more than %d bytes", MaxKey)
		}
		if have, err = more(r, have, len(have)+512); err != nil {
			return nil, err
		}
	}
}

func (s *Server) answer(ctx context.Context, request []byte) []byte {
	if len(request) > 0 && request[0] == '{' {
		return s.answerJSON(ctx, request)
	}
	value, err := s.value(ctx, string(bytes.TrimRight(request, "\r\n")), s.opt.Timeout)
	if err != nil {
		return append([]byte(notSupported), errs.Public(err)...)
	}
	return []byte(value)
}

func (s *Server) value(ctx context.Context, key string, limit time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return s.handle(ctx, key)
}

func (s *Server) answerJSON(ctx context.Context, request []byte) []byte {
	answer := jsonAnswer{Version: s.opt.Version, Variant: variant}
	item, err := parseJSON(request)
	if err != nil {
		answer.Error = errs.Public(err)
	} else if value, err := s.value(ctx, item.Key, s.limit(item.Timeout)); err != nil {
		answer.Data = []jsonValue{{Error: errs.Public(err)}}
	} else {
		answer.Data = []jsonValue{{Value: (*text)(&value)}}
	}
	out, err := json.Marshal(answer)
	if err != nil {
		return nil // strings always marshal
	}
	return out
}

// parseJSON reads a request of 7.0. Fails with code bad_request.
func parseJSON(request []byte) (jsonItem, error) {
	var req jsonRequest
	switch err := json.Unmarshal(request, &req); {
	case err != nil:
		return jsonItem{}, errs.Wrap(err, errs.BadRequest, "cannot parse the request")
	case req.Request != passiveChecks:
		return jsonItem{}, errs.E(errs.BadRequest, "unknown request")
	case len(req.Data) != 1:
		return jsonItem{}, errs.E(errs.BadRequest, "a request has one item")
	}
	return req.Data[0], nil
}

// limit reads an item's timeout: seconds as a number, or "3s", "1m".
func (s *Server) limit(raw json.RawMessage) time.Duration {
	var seconds float64
	if json.Unmarshal(raw, &seconds) == nil && seconds > 0 && seconds < s.opt.Longest.Seconds() {
		return time.Duration(seconds * float64(time.Second))
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if d, err := time.ParseDuration(text); err == nil && d > 0 {
			return min(d, s.opt.Longest)
		}
	}
	return s.opt.Timeout
}
