package logger

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"chatlab/src/errs"
	"chatlab/src/event"
)

// intake reads lines from the pipe into the spool. One goroutine reads and
// checks lines into a group; the other makes the group durable while the next
// one fills.
type intake struct {
	l    *Logger
	wake chan struct{} // the group is no longer empty, or the pipe ended
	room chan struct{} // the group was taken

	mu    sync.Mutex
	group group
	ended bool  // no more lines will come
	err   error // why the pipe ended, other than at its end
}

// group is what one fsync makes durable.
type group struct {
	records  []byte
	upto     uint64 // lines of the pipe up to here, rejected ones included
	rejected []rejected
}

type rejected struct {
	why  string
	line []byte // at most asideHead bytes of it
}

func newIntake(l *Logger) *intake {
	return &intake{l: l, wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// run takes lines until in ends or ctx does. Lines read by then are durable
// and acknowledged when it returns. It returns the number of lines that were
// rejected.
func (k *intake) run(ctx context.Context, in io.Reader, acks *ackWriter) (uint64, error) {
	// A read under way cannot always be stopped (a terminal): its goroutine
	// then ends with the process.
	unblock := context.AfterFunc(ctx, func() {
		if d, ok := in.(interface{ SetReadDeadline(time.Time) error }); ok {
			_ = d.SetReadDeadline(time.Unix(1, 0))
		}
	})
	defer unblock()
	go k.read(ctx, in)
	return k.commit(ctx, acks)
}

// commit makes group after group durable.
func (k *intake) commit(ctx context.Context, acks *ackWriter) (refused uint64, err error) {
	var mine group
	defer func() { acks.set(mine.upto, true) }()
	for {
		select {
		case <-k.wake:
		case <-ctx.Done():
		}
		next, ended, readErr := k.take(mine)
		if len(next.records) > 0 {
			if err := k.l.spool.append(ctx, next.records); err != nil {
				if ctx.Err() != nil {
					err = nil // stopped while the spool was full: the parent keeps these lines
				}
				return refused, err
			}
		}
		for _, r := range next.rejected {
			k.l.reject("pipe", r.why, r.line)
		}
		refused += uint64(len(next.rejected))
		mine = next
		acks.set(mine.upto, false)
		if ended || ctx.Err() != nil {
			return refused, readErr
		}
	}
}

// take swaps the full group for the empty buffers of the last one.
func (k *intake) take(old group) (group, bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	g := k.group
	k.group = group{records: old.records[:0], upto: g.upto}
	poke(k.room)
	return g, k.ended, k.err
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// read reads lines until the pipe ends.
func (k *intake) read(ctx context.Context, in io.Reader) {
	err := k.lines(ctx, bufio.NewReaderSize(in, event.MaxLine))
	if errors.Is(err, io.EOF) || ctx.Err() != nil {
		err = nil
	}
	k.mu.Lock()
	k.ended, k.err = true, err
	k.mu.Unlock()
	poke(k.wake)
}

// lines reads in constant memory: a line over the limit is dropped as it comes.
func (k *intake) lines(ctx context.Context, br *bufio.Reader) error {
	buf := make([]byte, 0, event.MaxLine)
	for {
		line, err := br.ReadSlice('\n')
		switch {
		case err == nil:
			err = k.add(ctx, buf, line)
		case errors.Is(err, bufio.ErrBufferFull):
			head := bytes.Clone(line[:asideHead])
			n := len(line)
			rest, ended := discardLine(br)
			err = k.refuse(ctx, fmt.Sprintf("event: line of %d bytes, more than %d", n+rest, event.MaxLine), head)
			err = cmp.Or(err, ended)
		case errors.Is(err, io.EOF) && len(line) > 0:
			// Its writer may have died in the middle of it: half an event must not
			// take the place of the whole one, which has the same ID.
			_ = k.refuse(ctx, "event: the pipe ended before the line did (no LF)", line)
		}
		if err != nil {
			return err
		}
	}
}

func discardLine(br *bufio.Reader) (n int, err error) {
	for {
		part, err := br.ReadSlice('\n')
		n += len(part)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return n, err
		}
	}
}

// add checks a line and puts its record into the group.
func (k *intake) add(ctx context.Context, buf, line []byte) error {
	e, err := event.Parse(line, time.Now())
	if err != nil {
		return k.refuse(ctx, errs.Public(err), line)
	}
	if line[0] != '1' {
		own := event.Append(buf[:0], e)
		if len(own) > event.MaxLine {
			return k.refuse(ctx, fmt.Sprintf("event: encoded line of %d bytes, more than %d", len(own), event.MaxLine), line)
		}
		line = own
	}
	k.l.metrics.received.Inc()
	return k.with(ctx, func(g *group) { g.records = appendRecord(g.records, line) })
}

func (k *intake) refuse(ctx context.Context, why string, line []byte) error {
	r := rejected{why, bytes.Clone(line[:min(len(line), asideHead)])}
	return k.with(ctx, func(g *group) { g.rejected = append(g.rejected, r) })
}

// with changes the group for one more line, once there is room in it.
func (k *intake) with(ctx context.Context, change func(*group)) error {
	for {
		k.mu.Lock()
		if len(k.group.records) < maxGroup-maxRecord && len(k.group.rejected) < 64 {
			change(&k.group)
			k.group.upto++
			k.mu.Unlock()
			poke(k.wake)
			return nil
		}
		k.mu.Unlock()
		select {
		case <-k.room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
