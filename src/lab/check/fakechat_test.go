package check

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/wire"
)

func codeOf(err error) string { return string(errs.CodeOf(err)) }

// peeked is a connection whose first byte may be looked at.
type peeked struct {
	*bufio.Reader
	conn net.Conn
}

func (p peeked) SetReadDeadline(t time.Time) error { return p.conn.SetReadDeadline(t) }

// fakeChat is a chat server after src/wire/doc.go: one log under one lock.
type fakeChat struct {
	f        *fake
	mu       sync.Mutex
	log      []wire.Message
	sessions []*fakeSession
}

type fakeSession struct {
	net.Conn
	chat       *fakeChat
	plain      bool
	user, room string
	held       *wire.Message // of the fault "reorders"
}

func newFakeChat(f *fake) *fakeChat { return &fakeChat{f: f} }

func (c *fakeChat) serve(conn net.Conn) {
	in := peeked{bufio.NewReader(conn), conn}
	if first, err := in.Peek(1); err == nil && first[0] == 0x16 { // a handshake of TLS
		fmt.Fprintln(conn, "error: bad_request: no TLS here")
		return
	}
	lines := wire.NewReader(in, wire.MaxLine)
	first, err := lines.Next(time.Now().Add(10*time.Second), 0)
	if err != nil {
		return
	}
	hello, err := wire.ParseHello(first)
	s := &fakeSession{Conn: conn, chat: c, plain: hello.Plain || !strings.HasPrefix(string(first), "{"), room: hello.Room}
	code := codeOf(err)
	if code == "" {
		if s.user, code = c.f.verify(hello.Token); code != "" && c.f.has("chat takes any") {
			s.user, code = "root", ""
		}
	}
	if code != "" {
		if !c.f.has("stranger served") {
			s.refuse(errs.Code(code))
			if c.f.has("stays open") {
				_, _ = lines.Next(time.Now().Add(10*time.Second), 0)
			}
			return
		}
		s.user = "stranger"
	}
	c.enter(s, hello.Resume)
	defer c.leave(s)
	for {
		line, err := lines.Next(time.Now().Add(10*time.Second), 0)
		switch {
		case errs.Is(err, errs.TooLong):
			s.refuse(errs.TooLong)
		case err != nil || !s.take(line):
			return
		}
	}
}

func (c *fakeChat) enter(s *fakeSession, resume *uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions = append(c.sessions, s)
	if s.plain {
		s.write("connected.")
		return
	}
	from := uint64(len(c.log))
	if resume != nil && !c.f.has("no resume") {
		from = *resume
	}
	s.write(jsonText(wire.Welcome{OK: true, User: s.user, Room: s.room, Seq: from}))
	if c.f.has("resume repeats") && resume != nil {
		from--
	}
	for _, m := range c.log[from:] {
		s.show(m)
	}
}

// end ends the sessions of a user.
func (c *fakeChat) end(user string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sessions {
		if s.user == user {
			s.refuse(errs.TokenRevoked)
			_ = s.Close()
		}
	}
}

func (c *fakeChat) leave(s *fakeSession) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions = slices.DeleteFunc(c.sessions, func(x *fakeSession) bool { return x == s })
}

func (s *fakeSession) write(line string) { _, _ = s.Conn.Write([]byte(line + "\n")) }

func (s *fakeSession) refuse(code errs.Code) {
	if s.plain {
		s.write(fmt.Sprintf("error: %s: no", code))
		return
	}
	s.write(jsonText(wire.Refusal{Code: string(code), Text: "no"}))
}

func (s *fakeSession) show(m wire.Message) {
	f := s.chat.f
	if m.Room != s.room && !f.has("rooms leak") {
		return
	}
	if f.has("no ids") {
		m.ID = ""
	}
	if s.plain {
		s.write(m.User + " : " + m.Text)
		return
	}
	text := strings.TrimSuffix(string(wire.AppendMessage(nil, m)), "\n")
	if f.has("extra key") {
		text = strings.TrimSuffix(text, "}") + `,"ip":"x"}`
	}
	third := strings.HasSuffix(s.user, "c") && strings.HasSuffix(s.room, "talk")
	switch {
	case third && f.has("doubles") && strings.Contains(m.Text, "/0"):
		s.write(text)
	case third && f.has("loses") && strings.Contains(m.Text, "c/2"):
		return
	case third && f.has("reorders") && s.held == nil && m.Text != "end":
		s.held = &m
		return
	case third && f.has("reorders") && s.held != nil && s.held.Seq > 0:
		held := *s.held
		s.held.Seq = 0
		defer s.write(strings.TrimSuffix(string(wire.AppendMessage(nil, held)), "\n"))
	}
	s.write(text)
}

// take serves one line; false ends the session.
func (s *fakeSession) take(raw []byte) bool {
	var l wire.Line
	var err error
	if s.plain {
		l, err = wire.ParsePlain(raw)
	} else {
		l, err = wire.ParseLine(raw)
	}
	if s.chat.f.has("raw text") && s.plain && !strings.HasPrefix(string(raw), "/") {
		l, err = wire.Line{Text: string(raw)}, nil
	}
	switch {
	case err != nil:
		s.refuse(errs.CodeOf(err))
	case l.Cmd != "":
		return s.command(l.Cmd)
	case l.Text != "":
		s.chat.say(s, l)
	}
	return true
}

func (c *fakeChat) say(s *fakeSession, l wire.Line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.IndexFunc(c.log, func(m wire.Message) bool { return l.ID != "" && m.ID == l.ID && m.User == s.user && m.Room == s.room }); i >= 0 && !c.f.has("repeats stored") {
		s.write(jsonText(wire.Stored{ID: l.ID, Seq: c.log[i].Seq}))
		return
	}
	m := wire.Message{Seq: uint64(len(c.log) + 1), Time: time.Now(), Room: s.room, User: s.user, Text: l.Text, ID: l.ID}
	c.log = append(c.log, m)
	for _, other := range c.sessions {
		other.show(m)
	}
	// One clock for the line and its event, as in chatd: a check compares the two to the second.
	c.f.record(event.Event{ID: event.NewID(m.Time), Server: "chat", Category: "chat", Subject: m.User, Data: m.Text})
}

func (s *fakeSession) command(text string) bool {
	c := s.chat
	c.mu.Lock()
	defer c.mu.Unlock()
	cmd, err := wire.ParseCommand(text)
	if err != nil {
		s.refuse(errs.CodeOf(err))
		return true
	}
	r := wire.Reply{Reply: cmd.Name, Room: s.room}
	switch cmd.Name {
	case "join":
		s.room, r.Room = cmd.Arg, cmd.Arg
	case "who":
		for _, x := range c.sessions {
			if x.room == s.room {
				r.Users = append(r.Users, x.user)
			}
		}
		slices.Sort(r.Users)
		r.Count = len(r.Users)
		if c.f.has("who lies") {
			r.Count++
		}
	case "history":
		r.Count = s.history(cmd.Arg)
	case "token":
		if user, code := c.f.verify(cmd.Arg); code != "" || user != s.user && !c.f.has("token of another") {
			s.refuse(errs.BadToken)
			return false
		}
	}
	if s.plain {
		s.write("* " + cmd.Name)
	} else {
		s.write(jsonText(r))
	}
	return cmd.Name != "quit"
}

func (s *fakeSession) history(arg string) int {
	n, _ := wire.HistoryCount(arg)
	var last []wire.Message
	for _, m := range s.chat.log {
		if m.Room == s.room {
			last = append(last, m)
		}
	}
	if s.chat.f.has("first history") {
		last = last[:n]
	}
	last = last[max(0, len(last)-n):]
	for _, m := range last {
		s.write(jsonText(wire.Reply{Reply: "history", Message: &m}))
	}
	return len(last)
}
