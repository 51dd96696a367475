package client_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chatlab/src/client"
	"chatlab/src/wire"
)

// patience bounds every wait of these tests.
const patience = 10 * time.Second

// server is a chat server of one process's memory whose connections a test can
// cut at any point, and whose lines it can refuse.
type server struct {
	ln net.Listener

	mu     sync.Mutex
	log    []wire.Message
	epoch  string // of the log
	conns  map[*peer]bool
	hellos []wire.Hello
	lines  []wire.Line
	cut    func(point string) bool // true: close this connection here
	greet  func(wire.Hello) *wire.Refusal
	refuse func(wire.Line) *wire.Refusal
	mute   bool // takes lines, says nothing
	done   sync.WaitGroup
}

type peer struct {
	net.Conn
	user, room string
	after      uint64
}

func newServer(t *testing.T) *server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{ln: ln, conns: map[*peer]bool{}}
	s.done.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			s.done.Go(func() { s.serve(&peer{Conn: conn}) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		s.cutAll()
		s.done.Wait()
	})
	return s
}

func (s *server) addr() string { return s.ln.Addr().String() }

// set changes the server's behaviour.
func (s *server) set(f func(*server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

func (s *server) cutAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.conns {
		_ = p.Close()
	}
}

func (s *server) at(point string) bool {
	s.mu.Lock()
	cut := s.cut
	s.mu.Unlock()
	return cut != nil && cut(point)
}

// serve is one connection. The user is the first part of the token.
func (s *server) serve(p *peer) {
	defer p.Close()
	s.set(func(s *server) { s.conns[p] = true })
	defer s.set(func(s *server) { delete(s.conns, p) })
	if s.at("accept") {
		return
	}
	r := wire.NewReader(p, wire.MaxLine)
	raw, err := r.Next(time.Now().Add(patience), 0)
	if err != nil {
		return
	}
	hello, err := wire.ParseHello(raw)
	if err != nil || s.at("hello") || !s.welcome(p, hello) || s.at("welcome") {
		return
	}
	for {
		raw, err := r.Next(time.Time{}, 0)
		if err != nil {
			return
		}
		line, err := wire.ParseLine(raw)
		if err != nil || s.at("line") || !s.handle(p, line) {
			return
		}
	}
}

func (s *server) welcome(p *peer, h wire.Hello) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hellos = append(s.hellos, h)
	if s.greet != nil {
		if no := s.greet(h); no != nil {
			p.say(wire.AppendJSON(nil, no))
			return false
		}
	}
	p.user, _, _ = strings.Cut(h.Token, ".")
	p.room, p.after = h.Room, uint64(len(s.log))
	if h.Resume != nil {
		p.after = *h.Resume
	}
	lost := h.Epoch != "" && h.Epoch != s.epoch
	if lost {
		p.after = 0
	}
	if s.mute {
		return true
	}
	p.say(wire.AppendJSON(nil, wire.Welcome{OK: true, User: p.user, Room: p.room, Seq: p.after, Epoch: s.epoch, HistoryLost: lost}))
	s.show(p)
	return true
}

// show sends what a peer has not seen. The caller holds the lock.
func (s *server) show(p *peer) {
	for _, m := range s.log {
		if m.Seq > p.after && m.Room == p.room && p.room != "" {
			p.say(wire.AppendMessage(nil, m))
		}
	}
	p.after = uint64(len(s.log))
}

func (p *peer) say(text []byte) {
	_ = p.SetWriteDeadline(time.Now().Add(patience))
	_, _ = p.Write(text)
}

func (s *server) handle(p *peer, l wire.Line) bool {
	s.mu.Lock()
	s.lines = append(s.lines, l)
	no := (*wire.Refusal)(nil)
	if s.refuse != nil {
		no = s.refuse(l)
	}
	switch {
	case s.mute:
	case no != nil:
		p.say(wire.AppendJSON(nil, no))
	case l.Cmd != "":
		defer s.mu.Unlock()
		return s.command(p, l.Cmd)
	default:
		repeat := s.store(p, l)
		s.mu.Unlock()
		if s.at("stored") {
			return false
		}
		s.mu.Lock()
		if repeat > 0 {
			p.say(wire.AppendJSON(nil, wire.Stored{ID: l.ID, Seq: repeat}))
		}
		for peer := range s.conns {
			s.show(peer)
		}
		s.mu.Unlock()
		return !s.at("echo")
	}
	s.mu.Unlock()
	return true
}

// store appends a line, and returns the number of a repeat.
func (s *server) store(p *peer, l wire.Line) uint64 {
	for _, m := range s.log {
		if m.ID == l.ID && m.User == p.user {
			return m.Seq
		}
	}
	s.log = append(s.log, wire.Message{Seq: uint64(len(s.log) + 1), Time: time.Now(), Room: p.room, User: p.user, Text: l.Text, ID: l.ID})
	return 0
}

func (s *server) command(p *peer, cmd string) bool {
	c, _ := wire.ParseCommand(cmd)
	r := wire.Reply{Reply: c.Name, Room: p.room}
	switch c.Name {
	case "join":
		p.room, p.after = c.Arg, uint64(len(s.log))
		r.Room, r.Seq = p.room, p.after
	case "history":
		for _, m := range s.log[max(0, len(s.log)-1):] {
			p.say(wire.AppendJSON(nil, wire.Reply{Reply: "history", Room: p.room, Message: &m}))
			r.Count++
		}
	}
	p.say(wire.AppendJSON(nil, r))
	return c.Name != "quit"
}

// texts returns the stored texts.
func (s *server) texts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, m := range s.log {
		out = append(out, m.Text)
	}
	return out
}

// screen collects what a chat shows.
type screen struct {
	mu    sync.Mutex
	texts []string
}

func (s *screen) show(m wire.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts = append(s.texts, m.Text)
}

func (s *screen) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.texts)
}

// dial opens a chat that ends with the test.
func dial(t *testing.T, o client.Options) *client.Chat {
	t.Helper()
	c, err := client.Dial(within(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// numbered returns prefix1 to prefixN.
func numbered(prefix string, n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprint(prefix, i+1))
	}
	return out
}
