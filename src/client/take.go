package client

import (
	"time"

	"chatlab/src/errs"
	"chatlab/src/wire"
)

// tokenLine is the command that replaces a session's token.
func tokenLine(raw string) wire.Line { return wire.Line{Cmd: "/token " + raw} }

// ping asks the server for a line, the cheapest that it has.
func (c *Chat) ping() {
	c.mu.Lock()
	if c.live != nil && len(c.queue.inflight) == 0 {
		c.queue.first(&item{command: "help", line: wire.Line{Cmd: "/help"}})
	}
	c.mu.Unlock()
	c.kick()
}

// take does what a line of the server asks for. It fails when the chat is over.
func (c *Chat) take(s *session, in wire.Incoming) error {
	switch {
	case in.Message != nil:
		c.takeMessage(*in.Message)
	case in.Stored != nil:
		c.takeStored(*in.Stored)
	case in.Reply != nil:
		return c.takeReply(*in.Reply)
	case in.Refusal != nil:
		s.refusal = c.refused(in.Refusal)
		c.takeRefusal(*in.Refusal, s.refusal)
		if in.Refusal.ID != "" && errs.Is(s.refusal, errs.Unavailable) {
			s.denies()
		}
	}
	return nil
}

// takeMessage shows a line that was not shown, then gives the receipts.
func (c *Chat) takeMessage(m wire.Message) {
	c.mu.Lock()
	var mine *item
	if m.ID != "" && m.User == c.user {
		if mine = c.queue.withID(m.ID); mine != nil {
			c.queue.drop(mine)
			c.stats.Receipts++
		}
	}
	fresh := m.Seq > c.last()
	if fresh {
		c.place.Seq = m.Seq
		c.stats.Received++
	} else {
		c.stats.Repeated++
	}
	stored := c.queue.storedUpTo(c.last())
	c.stats.Receipts += lines(stored)
	c.mu.Unlock()
	m = printable(m)
	show := c.opts.OnMessage
	if !fresh {
		show = c.opts.OnRepeat
	}
	if show != nil {
		show(m)
	}
	if mine != nil {
		mine.finish(m, nil)
	}
	c.finishStored(stored)
	c.settled()
}

// takeStored gives the receipt of a line that the log had already. Until what
// was missed up to that line has been shown, the receipt has to wait.
func (c *Chat) takeStored(st wire.Stored) {
	c.mu.Lock()
	if it := c.queue.withID(st.ID); it != nil {
		it.stored = max(st.Seq, 1)
	}
	stored := c.queue.storedUpTo(max(c.last(), 1))
	c.stats.Receipts += lines(stored)
	c.mu.Unlock()
	c.finishStored(stored)
	c.settled()
}

func lines(items []*item) (n int) {
	for _, it := range items {
		if it.command == "" {
			n++
		}
	}
	return n
}

func (c *Chat) finishStored(stored []*item) {
	for _, it := range stored {
		c.mu.Lock()
		m := wire.Message{Seq: it.stored, Room: c.room, User: c.user, Text: it.line.Text, ID: it.line.ID}
		c.mu.Unlock()
		it.finish(m, nil)
	}
}

// settled lets the writer go on, and tells those who wait for an empty queue.
func (c *Chat) settled() {
	c.mu.Lock()
	tell := c.quiet()
	c.mu.Unlock()
	c.kick()
	tell()
}

func (c *Chat) takeReply(r wire.Reply) error {
	c.mu.Lock()
	it := c.queue.withCommand(r.Reply)
	more := r.Reply == "history" && r.Message != nil
	switch {
	case it != nil && it.command == catchUp:
		c.caughtUp(it, r)
		it = nil
	case it != nil:
		it.replies = append(it.replies, printableReply(r))
		if !more {
			c.queue.drop(it)
		}
	}
	if r.Reply == "join" {
		c.room, c.place.Seq = r.Room, r.Seq
	}
	c.mu.Unlock()
	if it != nil && !more {
		it.finish(wire.Message{}, nil)
	}
	c.settled()
	if r.Reply == "quit" {
		return errQuit
	}
	return nil
}

// caughtUp ends a catch-up, or lets it wait until the newest line has come. The
// caller holds the lock.
func (c *Chat) caughtUp(it *item, r wire.Reply) {
	if r.Message != nil {
		it.upTo = r.Message.Seq
	} else if it.upTo <= c.last() {
		c.queue.drop(it)
	}
}

// refused counts a refusal and makes it an error.
func (c *Chat) refused(r *wire.Refusal) error {
	code := errs.Code(Printable(r.Code))
	c.count(func(st *Stats) { st.Refused[code]++ })
	return errs.E(code, "%s", Printable(r.Text)).WithRetry(time.Duration(r.RetryMS) * time.Millisecond)
}

// takeRefusal finds the line or the command that is refused, and sends it again
// or tells its sender. A refusal without an id is that of the oldest command,
// unless it is one of sessions. A line that may be stored is not refused to its
// sender for the rate, which says nothing of the earlier sending: it is sent until
// there is a receipt.
func (c *Chat) takeRefusal(r wire.Refusal, err error) {
	code := errs.CodeOf(err)
	c.mu.Lock()
	var it *item
	if r.ID != "" {
		it = c.queue.withID(r.ID)
	} else if !ofSession(code) {
		it = c.queue.withCommand("")
	}
	if it == nil {
		c.mu.Unlock()
		return
	}
	if code == errs.Unavailable || (code == errs.RateLimited && (c.opts.RetryLimited || it.doubt || it.ours())) {
		it.doubt = it.doubt || code == errs.Unavailable
		pause := max(errs.RetryAfterOf(err), 100*time.Millisecond)
		c.queue.again(it, time.Now().Add(min(pause, time.Minute)))
		c.mu.Unlock()
		c.kick()
		return
	}
	c.queue.drop(it)
	c.mu.Unlock()
	it.finish(wire.Message{}, err)
	c.settled()
}

// ofSession tells codes that concern a session, never a single command.
func ofSession(code errs.Code) bool {
	switch code {
	case errs.BadToken, errs.TokenExpired, errs.Timeout, errs.SlowConsumer, errs.Shutdown:
		return true
	}
	return false
}

func printable(m wire.Message) wire.Message {
	m.Room, m.User, m.Text = Printable(m.Room), Printable(m.User), Printable(m.Text)
	return m
}

func printableReply(r wire.Reply) wire.Reply {
	r.Room = Printable(r.Room)
	for i := range r.Users {
		r.Users[i] = Printable(r.Users[i])
	}
	if r.Message != nil {
		m := printable(*r.Message)
		r.Message = &m
	}
	return r // Text has lines; whoever prints them makes each Printable
}
