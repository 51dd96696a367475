package chat

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"chatlab/src/errs"
	"chatlab/src/token"
	"chatlab/src/wire"
)

// session is one connection, from its first line to its end. Its goroutine
// reads, and parks in the read while nothing comes: what it holds meanwhile is
// all that an idle connection costs.
type session struct {
	server *Server
	conn   halfCloser
	writer *writer
	reader *wire.Reader
	member member
	ends   time.Time // of the token
	said   uint64    // number of the last line it stored
	drafts []Draft   // lines that are at hand and not yet published
	plain  bool      // so until the first line says otherwise
	read   bool      // something was read

	mu        sync.Mutex
	stopped   bool
	replaying bool
	claims    token.Claims // zero: not authorised yet
	fault     error        // why the token is not good any more
}

func newSession(s *Server, tcp *net.TCPConn) (*session, error) {
	conn, w, err := s.secured(tcp)
	if err != nil {
		return nil, err
	}
	// What the kernel holds for a reader comes on top of MaxBehind: keep it small.
	if err := tcp.SetWriteBuffer(sendBuffer); err != nil {
		return nil, err
	}
	c := &session{server: s, conn: conn, writer: w, plain: true}
	c.reader = wire.NewReader(c, wire.MaxLine)
	w.slow = func() []byte {
		return c.refusal(errs.E(errs.SlowConsumer, "you read too slowly; connect again and resume"), "")
	}
	return c, nil
}

// Read implements [wire.Source].
func (c *session) Read(p []byte) (int, error) {
	n, err := c.conn.Read(p)
	if !c.read && n > 0 {
		c.read = true
		if p[0] == handshakeRecord {
			return 0, errNoTLS
		}
	}
	return n, err
}

// SetReadDeadline implements [wire.Source]. A stopped session reads no more.
func (c *session) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped || c.fault != nil {
		t = time.Unix(1, 0)
	}
	return c.conn.SetReadDeadline(t)
}

// stop ends the session with the code shutdown, from another goroutine.
func (c *session) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	c.wake()
}

// wake has the session look why it ends; mu is held.
func (c *session) wake() {
	_ = c.conn.SetReadDeadline(time.Unix(1, 0))
	if c.replaying {
		c.writer.hurry()
	}
}

// revoke ends the session, from another goroutine, if its token has ended.
func (c *session) revoke() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fault != nil || c.claims.User == "" {
		return
	}
	if c.fault = c.server.revoked.fault(c.claims); c.fault != nil {
		c.wake()
	}
}

// authorise makes a verified token the session's.
func (c *session) authorise(claims token.Claims) error {
	c.mu.Lock()
	c.claims = claims
	c.mu.Unlock()
	c.revoke() // the list may have changed since the token was verified
	return c.faulty()
}

func (c *session) faulty() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fault
}

func (c *session) setReplaying(yes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.replaying = yes
}

func (c *session) isStopped() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopped
}

// maxDrafts bounds the lines of a session that are published together.
const maxDrafts = 256

// errQuit ends a session without a refusal.
var errQuit = errors.New("quit")

func (c *session) serve() {
	leave, err := c.server.doors.Enter(c.conn.RemoteAddr().String())
	if err != nil && c.server.tls != nil {
		c.server.stats.refused(errs.CodeOf(err))
		sever(c.conn) // unread: a refusal would take a handshake
		return
	}
	if err == nil {
		defer leave()
		if !c.shakeHands() {
			return
		}
		if err = c.begin(); err == nil {
			c.server.stats.sessions.Inc()
			err = c.lines()
			c.settle()
			c.server.hub.detach(&c.member)
			c.server.stats.sessions.Dec()
		}
	}
	c.end(err)
}

// settle waits a moment for the last line that the session stored to come back,
// so that `printf 'TOKEN\nhello\n' | nc` and a client that is told of a shutdown
// see it.
func (c *session) settle() {
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	if c.server.hub.reach(ctx, c.said) == nil {
		c.writer.flush()
	}
}

// end tells the peer why, unless it is gone, and closes.
func (c *session) end(err error) {
	var last []byte
	if errs.CodeOf(err) != errs.Internal {
		c.server.stats.refused(errs.CodeOf(err))
		last = c.refusal(err, "")
	}
	c.writer.finish(last)
	if errors.Is(err, io.EOF) {
		_ = c.conn.Close()
		return
	}
	closeGently(c.conn)
}

// why turns a failed read into the reason for the session's end.
func (c *session) why(err error) error {
	if !errs.Is(err, errs.Timeout) {
		return err
	}
	if c.isStopped() {
		return errs.E(errs.Shutdown, "the server is stopping; connect again")
	}
	if fault := c.faulty(); fault != nil {
		return fault
	}
	if !c.ends.IsZero() && !time.Now().Before(c.ends) {
		return errs.E(errs.TokenExpired, "your token has expired; sign in again")
	}
	return err
}

// begin reads the first line, authorises, and puts the connection into its
// room. Every failure is the session's end.
func (c *session) begin() error {
	wait := c.server.limits.FirstLine
	line, err := c.reader.Next(time.Now().Add(wait), wait)
	if err != nil {
		return c.why(err)
	}
	c.plain = len(line) == 0 || line[0] != '{'
	hello, err := wire.ParseHello(line)
	if err != nil {
		return err
	}
	claims, err := c.verifyAside(hello.Token)
	if err != nil {
		return err
	}
	if err := c.authorise(claims); err != nil {
		return err
	}
	c.ends = claims.Expires()
	c.member = member{user: claims.User, w: c.writer, mode: modeJSON}
	if c.plain {
		c.member.mode = modePlain
	}
	if err := c.server.hub.ready(); err != nil {
		return err
	}
	ctx, cancel := c.patience()
	defer cancel()
	if hello.Resume != nil {
		return c.resume(ctx, hello)
	}
	return c.enter(ctx, hello.Room, func(seq uint64) []byte { return c.welcome(wire.Welcome{Room: hello.Room, Seq: seq}) })
}

// verify checks a token for this server: an ended one is refused without leeway.
func (c *session) verify(raw string) (token.Claims, error) {
	now := time.Now()
	claims, err := c.server.tokens.Verify(raw, now)
	if err == nil && !wire.ValidUser(claims.User) {
		err = errs.E(errs.BadToken, "the token is not valid")
	}
	if err == nil && !now.Before(claims.Expires()) {
		err = errs.E(errs.TokenExpired, "the token has expired")
	}
	if err == nil {
		err = c.server.revoked.fault(claims)
	}
	return claims, err
}

// verifyAside verifies on one of the server's verifying goroutines. It takes a
// deep stack, which a connection's own goroutine would keep for a long time.
func (c *session) verifyAside(raw string) (claims token.Claims, err error) {
	done := make(chan struct{})
	c.server.aside <- func() {
		claims, err = c.verify(raw)
		close(done)
	}
	<-done
	return claims, err
}

// patience bounds one use of the log.
func (c *session) patience() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), c.server.limits.Publish)
}

// enter puts the connection into a room, from now on. greet makes the answer
// from the number after which the room is shown.
func (c *session) enter(ctx context.Context, room string, greet func(seq uint64) []byte) error {
	if err := c.writer.acquire(ctx); err != nil {
		return err
	}
	seq := c.server.hub.attach(&c.member, room)
	err := c.writer.put(greet(seq))
	if err != nil {
		c.server.hub.detach(&c.member)
		return err
	}
	c.writer.release()
	return nil
}

func (c *session) welcome(w wire.Welcome) []byte {
	if c.plain {
		return []byte(wire.Connected)
	}
	w.OK, w.User, w.Epoch = true, c.member.user, c.server.log.Epoch()
	return wire.AppendWelcome(nil, w)
}

// lines serves the client's lines until the session ends.
func (c *session) lines() error {
	final := false // the peer has ended its side: its last line may lack LF
	for {
		if len(c.drafts) == maxDrafts || !c.reader.HasLine() {
			c.publish()
		}
		line, err := c.reader.Next(c.ends, c.server.limits.HalfLine)
		switch {
		case errs.Is(err, errs.TooLong):
			c.refuse(err, "")
			continue
		case err == io.EOF && !final:
			line, final = c.reader.Rest(), true
		case err != nil:
			return c.why(err)
		}
		// The deadline is looked at only where the session waits, and one that
		// always has a line at hand never does.
		if err := c.ended(nil); err != nil {
			return err
		}
		c.server.stats.bytesIn.Add(float64(len(line)))
		if err := c.line(line); err != nil {
			return err
		}
	}
}

// line serves one line. Its error is the session's end.
func (c *session) line(raw []byte) error {
	if len(raw) == 0 {
		return nil
	}
	var l wire.Line
	var err error
	if c.plain {
		l, err = wire.ParsePlain(raw)
	} else {
		l, err = wire.ParseLine(raw)
	}
	if limited := c.server.rates.take(c.member.user, time.Now()); limited != nil {
		err = limited
	}
	switch {
	case err != nil:
		c.refuse(err, l.ID)
		c.afterRefusal(l.ID, l.Text)
	case l.Cmd != "":
		c.publish()
		return c.command(l.Cmd)
	case l.Text != "":
		c.drafts = append(c.drafts, Draft{Room: c.member.room.name, User: c.member.user, Text: l.Text, ID: l.ID})
	}
	return nil
}

// publish stores the lines at hand, together. They come back through the room;
// only a repeat does not.
func (c *session) publish() {
	if len(c.drafts) == 0 {
		return
	}
	ctx, cancel := c.patience()
	defer cancel()
	for i, r := range c.server.log.Publish(ctx, c.drafts...) {
		id := c.drafts[i].ID
		switch {
		case r.Err != nil:
			if !errs.Is(r.Err, errs.Unavailable) {
				c.server.logger.Error("a line was not stored", "err", r.Err)
				r.Err = errs.Wrap(r.Err, errs.Unavailable, "the line was not stored, try again later")
			}
			c.refuse(r.Err, id)
		case r.Repeat:
			c.server.stats.repeats.Inc()
			if !c.plain {
				c.send(wire.Stored{ID: id, Seq: r.Seq})
			}
		default:
			c.said = r.Seq
			c.server.stats.linesIn.Inc()
		}
	}
	c.drafts = nil // most connections say one line and are silent for long
}

// refuse refuses one line.
func (c *session) refuse(err error, id string) {
	c.server.stats.refused(errs.CodeOf(err))
	c.writer.send(c.refusal(err, id))
}

func (c *session) refusal(err error, id string) []byte {
	r := wire.NewRefusal(err, id)
	if c.plain {
		return wire.AppendPlainRefusal(nil, r)
	}
	return wire.AppendJSON(nil, r)
}

// send sends a line of JSON mode.
func (c *session) send(v any) { c.writer.send(wire.AppendJSON(nil, v)) }
