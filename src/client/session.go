package client

import (
	"bufio"
	"context"
	"errors"
	"net"
	"time"

	"chatlab/src/errs"
	"chatlab/src/wire"
)

// Sizes of a connection's buffers, in bytes.
const (
	readBuffer = 16 << 10
	writeBatch = 64 << 10
)

// session is one connection that was greeted.
type session struct {
	chat    *Chat
	conn    net.Conn
	lines   *wire.Reader
	at      int // of the address in Options.Addresses
	address string
	token   string
	gap     bool // lines that were missed are gone from the log

	historyLost bool // as in State

	refusal error     // the last line of the server, if it was a refusal
	waiting time.Time // guarded by chat.mu: since when the reader waits for the server; zero: it is busy
	denied  time.Time // guarded by chat.mu: since when the server has said that it stores nothing; zero: it does
	stored  int       // guarded by chat.mu: receipts of the chat when that was looked at
}

// source reads from a connection in large pieces.
type source struct {
	*bufio.Reader
	conn net.Conn
}

func (s source) SetReadDeadline(t time.Time) error { return s.conn.SetReadDeadline(t) }

// open connects to one address and waits for the greeting. A server of an earlier
// version refuses a hello with an epoch: it gets one without, at once. Fails with the
// code of the server's refusal, or unavailable.
func (c *Chat) open(ctx context.Context, at int, token string) (*session, error) {
	c.mu.Lock()
	hello := wire.Hello{Token: token, Room: c.room}
	if c.place != nil {
		seq := c.place.Seq // attach and take change the place
		hello.Resume, hello.Epoch = &seq, c.place.Epoch
	}
	c.mu.Unlock()
	s, err := c.sayHello(ctx, at, hello)
	if errors.Is(err, errNoEpochs) {
		hello.Epoch = ""
		s, err = c.sayHello(ctx, at, hello)
	}
	return s, err
}

var errNoEpochs = errors.New("the server knows no epochs")

func (c *Chat) sayHello(ctx context.Context, at int, hello wire.Hello) (*session, error) {
	address := c.opts.Addresses[at]
	conn, err := c.connection(ctx, address)
	if err != nil {
		return nil, err
	}
	s := &session{chat: c, conn: conn, at: at, address: address, token: hello.Token}
	s.lines = wire.NewReader(source{bufio.NewReaderSize(conn, readBuffer), conn}, wire.MaxServerLine)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	welcome, err := s.greet(hello)
	if !stop() {
		err = errs.Wrap(ctx.Err(), errs.Timeout, "no greeting of the chat server in time")
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	c.attach(s, welcome)
	return s, nil
}

// state returns how the connection began.
func (s *session) state() State {
	return State{Connected: true, Address: s.address, Lost: s.gap, HistoryLost: s.historyLost}
}

// greet says hello and takes the welcome.
func (s *session) greet(hello wire.Hello) (*wire.Welcome, error) {
	c := s.chat
	deadline := time.Now().Add(c.opts.AnswerTime)
	if err := s.write(wire.AppendJSON(nil, hello)); err != nil && !peerClosed(err) {
		return nil, s.broken(err) // a server that refuses at once has still said why
	}
	answer, err := s.lines.Next(deadline, 0)
	if err != nil {
		return nil, s.broken(err)
	}
	in, err := wire.Decode(answer)
	switch {
	case err == nil && in.Refusal != nil && hello.Epoch != "" && wire.NoEpochs(*in.Refusal):
		return nil, errNoEpochs
	case err == nil && in.Refusal != nil:
		return nil, c.refused(in.Refusal)
	case err != nil || in.Welcome == nil:
		return nil, errs.E(errs.Unavailable, "what answers at %s is no chat server", s.address)
	}
	return in.Welcome, nil
}

func peerClosed(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout()
}

// broken words a failure of the connection.
func (s *session) broken(err error) error {
	if s.refusal != nil {
		return s.refusal
	}
	if code := errs.CodeOf(err); code != errs.Internal {
		return err
	}
	return errs.Wrap(err, errs.Unavailable, "the connection to the chat server at %s is broken", s.address)
}

// serve reads and writes until the connection ends, and returns why.
func (s *session) serve(ctx context.Context) error {
	ended := make(chan error, 1)
	go func() { ended <- s.read() }()
	err := s.writeLoop(ctx, ended)
	_ = s.conn.Close()
	return err
}

func (s *session) writeLoop(ctx context.Context, ended <-chan error) error {
	fail := func(err error) error {
		_ = s.conn.Close()
		if read := <-ended; s.refusal != nil || read == errQuit {
			return read // the server said why
		}
		return s.broken(err)
	}
	tick := time.NewTicker(s.chat.opts.AnswerTime / 4)
	defer tick.Stop()
	hold := time.NewTimer(0)
	defer hold.Stop()
	for {
		select {
		case <-ctx.Done():
			return fail(ctx.Err())
		case err := <-ended:
			return err
		case <-tick.C:
			if s.stuck(time.Now()) {
				return fail(errs.E(errs.Timeout, "the chat server at %s does not answer any more", s.address))
			}
			if s.useless(time.Now()) {
				return fail(errs.E(errs.Unavailable, "the chat server at %s stores no lines", s.address))
			}
			continue
		case <-s.chat.wake:
		case <-hold.C:
		}
		wait, err := s.flush()
		if err != nil {
			return fail(err)
		}
		if wait > 0 {
			hold.Reset(wait)
		}
	}
}

// flush writes all that may be written, and returns how long held-back items
// has to wait.
func (s *session) flush() (time.Duration, error) {
	c := s.chat
	for {
		c.mu.Lock()
		now := time.Now()
		owed := len(c.queue.inflight) > 0
		var batch []byte
		for _, it := range c.queue.next(now, c.opts.Window) {
			batch = wire.AppendLine(batch, it.line)
			if it.command == "" {
				c.stats.Sent++
			}
		}
		wait := time.Duration(0)
		if len(c.queue.waiting) > 0 {
			wait = c.queue.hold.Sub(now)
		}
		if len(batch) > 0 && !owed && !s.waiting.IsZero() {
			s.waiting = now // the server's time for an answer begins here, and not anew with each line
		}
		c.mu.Unlock()
		if len(batch) == 0 {
			return wait, nil
		}
		for len(batch) > 0 {
			n := min(len(batch), writeBatch)
			if err := s.write(batch[:n]); err != nil {
				return 0, err
			}
			batch = batch[n:]
		}
	}
}

func (s *session) write(p []byte) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.chat.opts.AnswerTime)); err != nil {
		return err
	}
	_, err := s.conn.Write(p)
	return err
}

// stuck tells that the server owes an answer and has said nothing for too long.
func (s *session) stuck(now time.Time) bool {
	s.chat.mu.Lock()
	defer s.chat.mu.Unlock()
	return len(s.chat.queue.inflight) > 0 && !s.waiting.IsZero() && now.Sub(s.waiting) > s.chat.opts.AnswerTime
}

// useless reports whether the server has refused to store anything for as long as an
// answer may take, where another server may.
func (s *session) useless(now time.Time) bool {
	c := s.chat
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.stored != c.stats.Receipts {
		s.stored, s.denied = c.stats.Receipts, time.Time{}
	}
	return len(c.opts.Addresses) > 1 && !s.denied.IsZero() && now.Sub(s.denied) > c.opts.AnswerTime
}

// denies notes that the server cannot store a line.
func (s *session) denies() {
	s.chat.mu.Lock()
	defer s.chat.mu.Unlock()
	if s.denied.IsZero() {
		s.denied = time.Now()
	}
}

// reading notes whether the reader waits for the server.
func (s *session) reading(waits bool) {
	s.chat.mu.Lock()
	defer s.chat.mu.Unlock()
	s.waiting = time.Time{}
	if waits {
		s.waiting = time.Now()
	}
}

// read takes the server's lines until the connection ends. After a silence it
// asks for one line: no answer is a dead peer, as [session.stuck] finds.
func (s *session) read() error {
	for {
		s.reading(true)
		line, err := s.lines.Next(time.Now().Add(s.chat.opts.Keepalive), 0)
		for errs.Is(err, errs.Timeout) {
			s.chat.ping()
			line, err = s.lines.Next(time.Now().Add(s.chat.opts.Keepalive), 0)
		}
		s.reading(false)
		if errs.Is(err, errs.TooLong) {
			return errs.E(errs.Unavailable, "the chat server at %s sends lines that are too long", s.address)
		}
		if err != nil {
			return s.broken(err)
		}
		in, err := wire.Decode(line)
		if err != nil {
			return errs.Wrap(err, errs.Unavailable, "the chat server at %s sends what is not understood", s.address)
		}
		s.refusal = nil
		if err := s.chat.take(s, in); err != nil {
			return err
		}
	}
}
