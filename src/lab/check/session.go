package check

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/wire"
)

// session is one connection to a chat server, in either mode.
type session struct {
	conn  net.Conn
	lines *wire.Reader
	until time.Time // of every read and write
	raw   string    // the last line that was read
}

// maxSession bounds a session whose context has no deadline.
const maxSession = 20 * time.Second

// dialChat connects to the nth chat server, counted round, and says the first
// line.
func (j *Journey) dialChat(ctx context.Context, n int, hello string) (*session, error) {
	servers := j.serving(partChat)
	if len(servers) == 0 {
		return nil, fmt.Errorf("the inventory has no %s", partChat)
	}
	return j.dialChatAt(ctx, servers[n%len(servers)].addr, hello)
}

// dialChatAt is dialChat to an address.
func (j *Journey) dialChatAt(ctx context.Context, addr, hello string) (*session, error) {
	conn, err := j.chatConn(ctx, addr)
	if err != nil {
		return nil, err
	}
	until, ok := ctx.Deadline()
	if !ok {
		until = time.Now().Add(maxSession)
	}
	s := &session{conn: conn, lines: wire.NewReader(conn, wire.MaxServerLine), until: until}
	if err := s.send(hello); err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

// enter opens a session of a user in JSON mode, in a room.
func (j *Journey) enter(ctx context.Context, p person, room string, resume *uint64) (*session, wire.Welcome, error) {
	s, err := j.dialChat(ctx, p.n, jsonText(wire.Hello{Token: p.token, Room: room, Resume: resume}))
	if err != nil {
		return nil, wire.Welcome{}, err
	}
	in, err := s.next()
	if err == nil && in.Welcome == nil {
		err = failf("a welcome to the room", "%s", s.raw)
	}
	if err != nil {
		s.close()
		return nil, wire.Welcome{}, err
	}
	return s, *in.Welcome, nil
}

// enterPlain opens a session of a user in plain mode, in a room.
func (j *Journey) enterPlain(ctx context.Context, p person, room string) (*session, error) {
	s, err := j.dialChat(ctx, p.n, p.token)
	if err != nil {
		return nil, err
	}
	line, err := s.line()
	if err == nil && line != "connected." {
		err = failf(`"connected."`, "%q", line)
	}
	if err == nil {
		err = s.send("/join " + room)
	}
	for err == nil && !strings.HasPrefix(line, "* ") { // the lobby may be talking
		line, err = s.line()
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *session) close() { _ = s.conn.Close() }

// cut ends a session as a pulled cable does: without a word.
func (s *session) cut() {
	conn := s.conn
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// send writes one line.
func (s *session) send(line string) error {
	if err := s.conn.SetWriteDeadline(s.until); err != nil {
		return err
	}
	_, err := io.WriteString(s.conn, line+"\n")
	return err
}

func (s *session) sendLine(l wire.Line) error {
	return s.send(strings.TrimSuffix(string(wire.AppendLine(nil, l)), "\n"))
}

// line reads one line.
func (s *session) line() (string, error) {
	line, err := s.lines.Next(s.until, 0)
	if err != nil {
		if errors.Is(err, io.EOF) {
			return "", fmt.Errorf("the chat server closed the connection after %q", s.raw)
		}
		if errs.Is(err, errs.Timeout) && s.raw == "" {
			return "", fmt.Errorf("no answer from %s", s.conn.RemoteAddr())
		} else if errs.Is(err, errs.Timeout) {
			return "", fmt.Errorf("no more lines after %q", s.raw)
		}
		return "", fmt.Errorf("after %q: %w", s.raw, err)
	}
	s.raw = string(line)
	return s.raw, nil
}

// next reads one object of the JSON mode.
func (s *session) next() (wire.Incoming, error) {
	line, err := s.line()
	if err != nil {
		return wire.Incoming{}, err
	}
	in, err := wire.Decode([]byte(line))
	if err != nil {
		return in, failf("a line of the chat protocol", "%q", line)
	}
	return in, nil
}

// message reads up to the next message.
func (s *session) message() (wire.Message, error) {
	for {
		in, err := s.next()
		if err != nil {
			return wire.Message{}, err
		}
		if in.Refusal != nil {
			return wire.Message{}, failf("a message", "%s", s.raw)
		}
		if in.Message != nil {
			return *in.Message, nil
		}
	}
}

// say sends a line with an id and returns it as it came back. The messages
// that came before it are given to heard, which may be nil.
func (s *session) say(id, text string, heard func(wire.Message)) (wire.Message, error) {
	if err := s.sendLine(wire.Line{ID: id, Text: text}); err != nil {
		return wire.Message{}, err
	}
	for {
		m, err := s.message()
		switch {
		case err != nil || m.ID == id:
			return m, err
		case m.Text == text:
			return m, failf(fmt.Sprintf("the line %q with its id %q", text, id), "%s", s.raw)
		}
		if heard != nil {
			heard(m)
		}
	}
}

// reply reads up to the reply to a command.
func (s *session) reply(cmd string) (wire.Reply, error) {
	if err := s.sendLine(wire.Line{Cmd: cmd}); err != nil {
		return wire.Reply{}, err
	}
	for {
		in, err := s.next()
		if err != nil {
			return wire.Reply{}, err
		}
		if in.Refusal != nil {
			return wire.Reply{}, failf("a reply to "+cmd, "%s", s.raw)
		}
		if in.Reply != nil {
			return *in.Reply, nil
		}
	}
}

// ended states that the server closes the session now.
func (e *Env) ended(s *session) error {
	until := time.Now().Add(e.patience)
	if s.until.Before(until) {
		until = s.until
	}
	line, err := s.lines.Next(until, 0)
	switch {
	case err == nil:
		return failf("the connection closed", "the line %q", line)
	case errs.Is(err, errs.Timeout):
		return failf("the connection closed", "it stays open")
	}
	return nil // an end or a reset: both are the server's
}

// refused states that the next line is a refusal with a code.
func (e *Env) refused(s *session, code errs.Code) error {
	in, err := s.next()
	if err != nil {
		return err
	}
	if in.Refusal == nil {
		e.True(false, fmt.Sprintf("a refusal with %q", code), "%s", s.raw)
		return nil
	}
	e.Same("refusal", string(code), in.Refusal.Code)
	return nil
}
