package app

import (
	"context"
	"net"
	"sync"
)

// Listen listens on a TCP address, and on further ones as one listener. Those may
// be another machine's at the moment: an address that moves between machines has
// to be listened on before it is there.
func Listen(cfg net.ListenConfig, addr string, also ...string) (net.Listener, error) {
	first, err := cfg.Listen(context.Background(), "tcp", addr)
	if err != nil || len(also) == 0 {
		return first, err
	}
	s := &several{all: []net.Listener{first}, taken: make(chan taken), closed: make(chan struct{})}
	cfg.Control = freeBind
	for _, addr := range also {
		ln, err := cfg.Listen(context.Background(), "tcp", addr)
		if err != nil {
			_ = s.Close()
			return nil, err
		}
		s.all = append(s.all, ln)
	}
	for _, ln := range s.all {
		s.loops.Go(func() { s.take(ln) })
	}
	return s, nil
}

// several is listeners that are one. Each accepts the next connection when the
// last was fetched.
type several struct {
	all    []net.Listener
	taken  chan taken
	loops  sync.WaitGroup
	once   sync.Once
	closed chan struct{}
}

type taken struct {
	conn net.Conn
	err  error
}

func (s *several) take(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		select {
		case s.taken <- taken{conn, err}:
		case <-s.closed:
			if err == nil {
				_ = conn.Close()
			}
			return
		}
	}
}

// Accept returns the next connection of any of them.
func (s *several) Accept() (net.Conn, error) {
	select {
	case <-s.closed:
		return nil, net.ErrClosed
	default:
	}
	select {
	case t := <-s.taken:
		return t.conn, t.err
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

// Close ends all of them.
func (s *several) Close() error {
	s.once.Do(func() {
		close(s.closed)
		for _, ln := range s.all {
			_ = ln.Close()
		}
		s.loops.Wait()
	})
	return nil
}

// Addr returns the address of the first.
func (s *several) Addr() net.Addr { return s.all[0].Addr() }

// Addresses returns where a listener of [Listen] listens, all of it.
func Addresses(ln net.Listener) []string {
	s, ok := ln.(*several)
	if !ok {
		return []string{ln.Addr().String()}
	}
	var out []string
	for _, ln := range s.all {
		out = append(out, ln.Addr().String())
	}
	return out
}
