package client

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"chatlab/src/errs"
	"chatlab/src/wire"
)

// Chat is one user's place in a room, see the package's comment. It is safe for
// concurrent use.
type Chat struct {
	opts   Options
	cred   credential
	prefix string // of the ids of our lines, unique for each Chat
	cancel context.CancelFunc
	parts  sync.WaitGroup
	done   chan struct{}
	wake   chan struct{} // the queue has something new for the writer

	mu      sync.Mutex
	queue   queue
	lines   uint64 // ids given
	live    *session
	user    string
	room    string
	place   *Place // of the last line that was seen; nil: none yet
	stats   Stats
	drained []chan struct{}
	err     error // why the chat is over
	over    bool
}

// Dial connects to the first chat server that greets. Until it returns, a
// server that does not is an error; after that the chat lives until Close, or
// until no server takes its token. The connection does not end with ctx. Fails with
// bad_token, token_expired, bad_request (the room), rate_limited, unavailable,
// shutdown and usage.
func Dial(ctx context.Context, opts Options) (*Chat, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Chat{
		opts: opts, prefix: newPrefix(), room: opts.Room, place: opts.Resume,
		done: make(chan struct{}), wake: make(chan struct{}, 1),
		stats: Stats{Refused: map[errs.Code]int{}},
	}
	c.cred.set(opts.Token, false, time.Now())
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c.cancel = cancel
	first, err := c.connect(ctx, 0)
	if err != nil {
		c.cancel()
		return nil, err
	}
	c.parts.Go(func() { c.renewLoop(life) })
	go func() {
		defer close(c.done)
		err := c.run(life, first)
		c.cancel()
		c.parts.Wait()
		c.finish(err)
	}()
	return c, nil
}

func newPrefix() string {
	var b [9]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// Send says a line and waits until it is stored. The message it returns is the
// line's echo; its time is zero where the server only said that it had the line
// already. Fails with the code of the server's refusal (rate_limited, unless
// Options.RetryLimited), with bad_utf8, bad_request or too_long before anything
// is sent, with timeout when ctx ends (the line may be stored then, or still
// be), and when the chat is over. What breaks a connection is not a failure.
func (c *Chat) Send(ctx context.Context, text string) (wire.Message, error) {
	type outcome struct {
		message wire.Message
		err     error
	}
	got := make(chan outcome, 1)
	it, err := c.send(text, func(m wire.Message, err error) { got <- outcome{m, err} })
	if err != nil {
		return wire.Message{}, err
	}
	select {
	case o := <-got:
		return o.message, o.err
	case <-ctx.Done():
		c.abandon(it)
		return wire.Message{}, errs.Wrap(ctx.Err(), errs.Timeout, "the line has no receipt yet")
	}
}

// SendAsync says a line. done, which may be nil, is told what Send would
// return, from the goroutine that calls OnMessage. Fails at once with bad_utf8,
// bad_request, too_long, unavailable (MaxPending lines have no receipt), and when the
// chat is over; done is not called then.
func (c *Chat) SendAsync(text string, done func(wire.Message, error)) error {
	if done == nil {
		done = func(wire.Message, error) {}
	}
	_, err := c.send(text, done)
	return err
}

func (c *Chat) send(text string, done func(wire.Message, error)) (*item, error) {
	it, err := newLine("", text)
	if err != nil {
		return nil, err
	}
	it.onReceipt = done
	return it, c.enqueue(it)
}

// Command gives a command of the protocol, such as "/who", in its place among
// the lines, and waits for its replies: /history gives several. Fails as Send.
func (c *Chat) Command(ctx context.Context, cmd string) ([]wire.Reply, error) {
	type outcome struct {
		replies []wire.Reply
		err     error
	}
	got := make(chan outcome, 1)
	it, err := c.command(cmd, func(r []wire.Reply, err error) { got <- outcome{r, err} })
	if err != nil {
		return nil, err
	}
	select {
	case o := <-got:
		return o.replies, o.err
	case <-ctx.Done():
		c.abandon(it)
		return nil, errs.Wrap(ctx.Err(), errs.Timeout, "the command has no answer yet")
	}
}

// CommandAsync gives a command. done is told what Command would return, from
// the goroutine that calls OnMessage. Fails at once as SendAsync.
func (c *Chat) CommandAsync(cmd string, done func([]wire.Reply, error)) error {
	_, err := c.command(cmd, done)
	return err
}

func (c *Chat) command(cmd string, done func([]wire.Reply, error)) (*item, error) {
	it, err := newCommand(cmd)
	if err != nil {
		return nil, err
	}
	it.onReply = done
	return it, c.enqueue(it)
}

func (c *Chat) enqueue(it *item) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return c.ended()
	}
	if len(c.queue.waiting)+len(c.queue.inflight) >= c.opts.MaxPending {
		return errs.E(errs.Unavailable, "%d lines have no receipt yet", c.opts.MaxPending)
	}
	if it.command == "" {
		c.lines++
		it.line.ID = fmt.Sprintf("%s-%d", c.prefix, c.lines)
		if _, err := it.bounded(); err != nil {
			return err
		}
	}
	c.queue.add(it)
	c.kick()
	return nil
}

// abandon takes back a line that was not sent yet.
func (c *Chat) abandon(it *item) {
	c.mu.Lock()
	if it.sent.IsZero() {
		c.queue.drop(it)
	}
	tell := c.quiet()
	c.mu.Unlock()
	tell()
}

// kick tells the writer that there may be something to send.
func (c *Chat) kick() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Drain waits until every line has its receipt or refusal, and every command
// its answer. Fails with timeout when ctx ends, and when the chat is over before.
func (c *Chat) Drain(ctx context.Context) error {
	c.mu.Lock()
	if c.queue.empty() {
		defer c.mu.Unlock()
		return c.err
	}
	empty := make(chan struct{})
	c.drained = append(c.drained, empty)
	c.mu.Unlock()
	select {
	case <-empty:
		return c.Err()
	case <-ctx.Done():
		return errs.Wrap(ctx.Err(), errs.Timeout, "some lines have no receipt yet")
	}
}

// quiet returns what tells those who wait in Drain, if the queue is empty. The
// caller holds the lock, and calls the function without it.
func (c *Chat) quiet() func() {
	if !c.queue.empty() {
		return func() {}
	}
	waiting := c.drained
	c.drained = nil
	return func() {
		for _, w := range waiting {
			close(w)
		}
	}
}

// Close ends the chat, and returns when all of it has ended. Lines without a
// receipt fail with shutdown.
func (c *Chat) Close() error {
	c.cancel()
	<-c.done
	return nil
}

// Done is closed when the chat is over: after Close, after /quit, or when it
// gave up.
func (c *Chat) Done() <-chan struct{} { return c.done }

// Err returns why the chat gave up; nil while it lives and after Close or /quit.
func (c *Chat) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// User returns one's own name, as the chat server has it.
func (c *Chat) User() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.user
}

// Room returns the room that the chat is in.
func (c *Chat) Room() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.room
}

// Place returns how far the chat has come, for the Resume of a later chat.
func (c *Chat) Place() Place {
	c.mu.Lock()
	defer c.mu.Unlock()
	return *c.place
}

// last returns the last number that was seen. The caller holds the lock.
func (c *Chat) last() uint64 {
	if c.place == nil {
		return 0
	}
	return c.place.Seq
}

// Stats returns the counters as they are now.
func (c *Chat) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.Refused = maps.Clone(s.Refused)
	return s
}

var errQuit = errors.New("quit")

// finish ends all items in the queue.
func (c *Chat) finish(err error) {
	c.mu.Lock()
	c.over = true
	if !errors.Is(err, errQuit) && !errors.Is(err, context.Canceled) {
		c.err = err
	}
	left, why := c.queue.clear(), c.ended()
	tell := c.quiet()
	c.mu.Unlock()
	for _, it := range left {
		it.finish(wire.Message{}, why)
	}
	tell()
}

// ended words that the chat is over. The caller holds the lock.
func (c *Chat) ended() error {
	if c.err != nil {
		return c.err
	}
	return errs.E(errs.Shutdown, "the chat is over")
}
