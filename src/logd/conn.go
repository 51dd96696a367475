package logd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/mtls"
	"chatlab/src/wait"
)

// maxChunk is how many events of one connection are handed on together.
const maxChunk = 256

// conn is one logger's connection. One goroutine reads lines into chunks for
// the batches; the other writes replies.
type conn struct {
	s    *Server
	c    net.Conn
	role mtls.Role           // of the peer
	room *semaphore.Weighted // maxInFlight bytes
	read uint64              // lines, heartbeats not counted
	wake chan struct{}       // a reply is due

	mu      sync.Mutex
	stored  uint64       // lines
	refusal *event.Reply // due once all lines before it are stored
}

// chunk is a run of a connection's events in order.
type chunk struct {
	c      *conn
	events []event.Event
	upto   uint64 // lines of the connection, these included
	bytes  int64
}

func newConn(s *Server, c net.Conn, role mtls.Role) *conn {
	return &conn{s: s, c: c, role: role, room: semaphore.NewWeighted(maxInFlight), wake: make(chan struct{}, 1)}
}

// run returns why the connection ended; nil: the logger left.
func (c *conn) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	closing := context.AfterFunc(ctx, func() { _ = c.c.Close() })
	defer closing()
	var writing sync.WaitGroup
	writing.Go(func() { cancel(c.replies(ctx)) })
	br := bufio.NewReaderSize(c.c, event.MaxLine)
	err := c.lines(ctx, br)
	if code := errs.CodeOf(err); code == errs.BadEvent || code == errs.Unavailable {
		// Lines before the bad one are stored and acknowledged first.
		if code == errs.BadEvent {
			c.s.metrics.bad.Inc()
		}
		c.refuse(code, c.read+1, errs.Public(err))
		c.drain(br)
	}
	cancel(err)
	writing.Wait()
	if err = context.Cause(ctx); errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// drain discards what still comes until the logger leaves: closing a socket
// with unread bytes would make its peer lose our last reply.
func (c *conn) drain(br *bufio.Reader) {
	for {
		if err := c.c.SetReadDeadline(time.Now().Add(c.s.pace.silence)); err != nil {
			return
		}
		if _, err := br.Discard(1); err != nil {
			return
		}
		_, _ = br.Discard(br.Buffered())
	}
}

// lines hands on received lines until a line is bad or the connection ends.
func (c *conn) lines(ctx context.Context, br *bufio.Reader) error {
	for {
		ch, err := c.chunk(br)
		if len(ch.events) > 0 {
			if err := c.hand(ctx, ch); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}

// chunk waits for one line and takes those that have come with it.
func (c *conn) chunk(br *bufio.Reader) (chunk, error) {
	ch := chunk{c: c}
	for len(ch.events) == 0 || len(ch.events) < maxChunk && buffered(br) {
		if err := c.c.SetReadDeadline(time.Now().Add(c.s.pace.silence)); err != nil {
			return ch, err
		}
		line, err := br.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return ch, errs.E(errs.BadEvent, "event: line is longer than %d bytes", event.MaxLine)
		}
		if err != nil {
			return ch, err
		}
		if len(line) == 1 {
			continue // a heartbeat
		}
		now := time.Now()
		e, err := event.Parse(line, now)
		if err == nil {
			err = admit(c.role, e, now)
		}
		if err != nil {
			return ch, err
		}
		ch.events = append(ch.events, e)
		ch.bytes += int64(len(line))
		c.read++
		ch.upto = c.read
	}
	return ch, nil
}

// buffered tells whether a whole line can be read without waiting.
func buffered(br *bufio.Reader) bool {
	b, _ := br.Peek(br.Buffered())
	return bytes.IndexByte(b, '\n') >= 0
}

// hand passes a chunk to the batches, once the connection has room for it.
func (c *conn) hand(ctx context.Context, ch chunk) error {
	c.s.metrics.received.Add(float64(len(ch.events)))
	ch.bytes = min(ch.bytes, maxInFlight)
	if err := c.room.Acquire(ctx, ch.bytes); err != nil {
		return err
	}
	select {
	case c.s.queue <- ch:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// storedChunk says that a chunk is stored, but for the lines in why (by index).
func (c *conn) storedChunk(ch chunk, why map[int]string) {
	c.room.Release(ch.bytes)
	first := len(ch.events)
	for i := range why {
		first = min(first, i)
	}
	upto := ch.upto - uint64(len(ch.events)-first)
	c.mu.Lock()
	if c.refusal == nil || upto < c.refusal.Line {
		c.stored = upto
	}
	c.mu.Unlock()
	if first < len(ch.events) {
		c.refuse(errs.BadEvent, upto+1, why[first])
	}
	c.poke()
}

// refuse makes line n the last of the connection, unless an earlier one is.
func (c *conn) refuse(code errs.Code, n uint64, why string) {
	c.mu.Lock()
	if c.refusal == nil || n < c.refusal.Line {
		c.refusal = &event.Reply{Code: code, Line: n, Text: why}
	}
	c.mu.Unlock()
	c.poke()
}

func (c *conn) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// replies writes the greeting, acknowledgements as they are due, and again as
// heartbeats, and at last a refusal.
func (c *conn) replies(ctx context.Context) error {
	beat := time.NewTicker(c.s.pace.heartbeat)
	defer beat.Stop()
	for {
		c.mu.Lock()
		stored, refusal := c.stored, c.refusal
		c.mu.Unlock()
		line := event.AppendAck(nil, stored)
		if refusal != nil && refusal.Line == stored+1 {
			said := *refusal
			if said.Code != errs.BadEvent {
				said.Line = 0 // it is not about this line alone
			}
			line = event.AppendReply(line, said)
		} else {
			refusal = nil
		}
		if err := c.answer(line); err != nil {
			return err
		}
		if refusal != nil {
			wait.Sleep(ctx, time.Second) // the logger reads the last reply and leaves
			return fmt.Errorf("line %d refused: %s", refusal.Line, refusal.Text)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.wake:
		case <-beat.C:
		}
	}
}

func (c *conn) answer(line []byte) error {
	if err := c.c.SetWriteDeadline(time.Now().Add(c.s.pace.write)); err != nil {
		return err
	}
	_, err := c.c.Write(line)
	return err
}
