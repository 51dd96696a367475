package natslog

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"

	"chatlab/src/chat"
	"chatlab/src/wait"
	"chatlab/src/wire"
)

// The stream sends each line on feed.ROOM once it is stored (NATS republish).
const (
	feedPrefix = "feed."
	feed       = "feed.*"

	feedLook  = 500 * time.Millisecond // how often a silent feed is compared with the log
	feedAgain = 2 * time.Millisecond   // until a replica has the lines that the feed or the leader has
)

// Sizes of a batch that is handed on at once, and of the lines that wait for it.
const (
	followBatch = 1024
	followBytes = 128 << 10
	followQueue = 16 << 10
	readPage    = 256
)

// follower is one Follow: lines come from the feed; those that the feed lacks, before it
// began and when the leader changed, from a replica.
type follower struct {
	log   *Log
	last  uint64 // the line that fn had last
	queue chan *nats.Msg
	fn    func([]wire.Message) error
}

// Follow implements [chat.Log].
func (l *Log) Follow(ctx context.Context, after uint64, fn func([]wire.Message) error) error {
	if err := l.known(); err != nil {
		return err
	}
	f := &follower{log: l, last: after, queue: make(chan *nats.Msg, followQueue), fn: fn}
	sub, err := l.conn.ChanSubscribe(feed, f.queue)
	if err != nil {
		return l.away(ctx, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	look := time.NewTicker(feedLook)
	defer look.Stop()
	for err = f.fill(ctx, 0); err == nil; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.life.Done():
			return l.away(ctx, nats.ErrConnectionClosed)
		case <-look.C:
			err = f.fill(ctx, 0)
		case msg := <-f.queue:
			err = f.take(ctx, msg)
			look.Reset(feedLook)
		}
	}
	return err
}

// take passes on the lines that the feed has brought, beginning with msg.
func (f *follower) take(ctx context.Context, msg *nats.Msg) error {
	batch := make([]wire.Message, 0, 16)
	for next, size := f.last+1, 0; ; {
		m, err := stored(msg)
		if err != nil {
			return f.log.away(ctx, err)
		}
		if m.Seq > next { // some are missing: a replica has them, and this one
			if err := f.give(ctx, batch); err != nil {
				return err
			}
			return f.fill(ctx, m.Seq)
		}
		if m.Seq == next {
			batch = append(batch, m)
			size += len(msg.Data)
			next++
		}
		if len(batch) == followBatch || size > followBytes {
			return f.give(ctx, batch)
		}
		select {
		case msg = <-f.queue:
		default:
			return f.give(ctx, batch)
		}
	}
}

// give passes on lines that are on disk.
func (f *follower) give(ctx context.Context, batch []wire.Message) error {
	if len(batch) == 0 {
		return nil
	}
	last := batch[len(batch)-1].Seq
	if err := f.log.onDisk(ctx, last); err != nil {
		return err
	}
	f.last = last
	f.log.followed.Store(last)
	f.log.recent.add(batch)
	return f.fn(batch)
}

// fill passes on the lines that a replica has, at least up to a number.
func (f *follower) fill(ctx context.Context, upTo uint64) error {
	limit, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	for {
		lines, more, err := f.log.get(limit, getRequest{Seq: f.last + 1, NextFor: subjects, Batch: readPage})
		if err == nil {
			err = f.give(ctx, lines)
		}
		switch {
		case err != nil:
			return err
		case more > 0 && len(lines) > 0:
		case f.last >= upTo:
			return nil
		default:
			wait.Sleep(limit, feedAgain) // the replica is a moment behind the leader
		}
	}
}

var _ chat.Log = (*Log)(nil)
