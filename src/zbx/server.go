package zbx

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"chatlab/src/errs"
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
	TLS     *tls.Config   // nil: none
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
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, errs.E(errs.Usage, "health checks: %w", err).WithFix("stop what holds the address, or set listen")
	}
	opt.Timeout = or(opt.Timeout, 3*time.Second)
	opt.Longest = or(opt.Longest, 30*time.Second)
	opt.MaxConn = or(opt.MaxConn, 256)
	opt.Version = or(opt.Version, "7.0.0")
	s := &Server{ln: ln, handle: handle, opt: opt, slots: make(chan struct{}, opt.MaxConn)}
	s.bufs.New = func() any { b := make([]byte, 0, 2048); return &b }
	return s, nil
}

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
	for {
		// A full house waits in the kernel's queue.
		select {
		case <-ctx.Done():
			return nil
		case s.slots <- struct{}{}:
		}
		conn, err := s.ln.Accept()
		if err != nil {
			<-s.slots
			if ctx.Err() != nil {
				return nil
			}
			if errors.Is(err, net.ErrClosed) {
				return err
			}
			// Too many open files, or the like: it passes.
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
			continue
		}
		s.conns.Go(func() {
			defer func() { <-s.slots }()
			s.serve(ctx, conn)
		})
	}
}

// serve answers the one request of a connection. A peer that may not ask, and
// a request that is none, get no answer, as from Zabbix's agent.
func (s *Server) serve(ctx context.Context, conn net.Conn) {
	defer func() { _ = conn.Close() }()
	peer, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil || !s.opt.Allow.Has(ctx, peer.Addr()) {
		return
	}
	if s.opt.TLS != nil {
		conn = tls.Server(conn, s.opt.TLS)
	}
	if conn.SetDeadline(time.Now().Add(s.opt.Timeout)) != nil {
		return
	}
	buf := s.bufs.Get().(*[]byte)
	defer func() { s.bufs.Put(buf) }()
	request, err := readRequest(conn, buf)
	if err != nil {
		return
	}
	answer := s.answer(ctx, request)
	if conn.SetDeadline(time.Now().Add(s.opt.Timeout)) != nil {
		return
	}
	*buf = AppendFrame((*buf)[:0], answer)
	_, _ = conn.Write(*buf)
}

// readRequest reads a frame, or a bare line. It keeps buf's room where it grew
// within reason.
func readRequest(r io.Reader, buf *[]byte) ([]byte, error) {
	first, err := more(r, (*buf)[:0], cap(*buf))
	if err != nil {
		return nil, err
	}
	if first[0] == magic[0] {
		return readOn(r, first)
	}
	for {
		if i := bytes.IndexByte(first, '\n'); i >= 0 {
			return bytes.TrimSuffix(first[:i], []byte("\r")), nil
		}
		if len(first) > MaxKey {
			return nil, errs.E(errs.TooLong, "a line of more than %d bytes", MaxKey)
		}
		if first, err = more(r, first, len(first)+512); err != nil {
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

// The JSON of Zabbix 7.0; see its manual, "Passive and active agent checks".
type (
	jsonRequest struct {
		Request string     `json:"request"`
		Data    []jsonItem `json:"data"`
	}
	jsonItem struct {
		Key     string          `json:"key"`
		Timeout json.RawMessage `json:"timeout,omitempty"` // seconds, or "3s"
	}
	jsonAnswer struct {
		Version string      `json:"version"`
		Variant int         `json:"variant"` // 2: as agent 2
		Data    []jsonValue `json:"data,omitempty"`
		Error   string      `json:"error,omitempty"`
	}
	jsonValue struct {
		Value *string `json:"value,omitempty"`
		Error string  `json:"error,omitempty"`
	}
)

func (s *Server) answerJSON(ctx context.Context, request []byte) []byte {
	answer := jsonAnswer{Version: s.opt.Version, Variant: 2}
	var req jsonRequest
	switch err := json.Unmarshal(request, &req); {
	case err != nil:
		answer.Error = "cannot parse the request"
	case req.Request != "passive checks":
		answer.Error = "unknown request"
	case len(req.Data) != 1:
		answer.Error = "a request has one item"
	default:
		value, err := s.value(ctx, req.Data[0].Key, s.limit(req.Data[0].Timeout))
		if err != nil {
			answer.Data = []jsonValue{{Error: errs.Public(err)}}
		} else {
			answer.Data = []jsonValue{{Value: &value}}
		}
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return nil // strings always marshal
	}
	return text
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
