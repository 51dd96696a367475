package natslog

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"

	"chatlab/src/wait"
	"chatlab/src/wire"
)

// The leader sends each line on feed.ROOM once it is stored.
const (
	feedPrefix = "feed."
	feed       = "feed.*"

	feedLook  = 500 * time.Millisecond // how often a silent feed is compared with the log
	feedAgain = 2 * time.Millisecond   // until the own replica has what the feed has told of
	feedPage  = 256
)

// follower is one Follow of a cluster: lines come from the feed; those that the
// feed lacks, before it began and when the leader changed, from a replica.
type follower struct {
	log   *Log
	last  uint64 // the line that fn had last
	queue chan *nats.Msg
	fn    func([]wire.Message) error
}

func (l *Log) followFeed(ctx context.Context, after uint64, fn func([]wire.Message) error) error {
	f := &follower{log: l, last: after, queue: make(chan *nats.Msg, followQueue), fn: fn}
	sub, err := l.conn.ChanSubscribe(feed, f.queue)
	if err != nil {
		return l.away(ctx, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	look := time.NewTicker(feedLook)
	defer look.Stop()
	if err := f.fill(ctx, 0); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.closed:
			return l.away(ctx, nats.ErrConnectionClosed)
		case <-look.C:
			err = f.fill(ctx, 0)
		case msg := <-f.queue:
			err = f.take(ctx, msg)
			look.Reset(feedLook)
		}
		if err != nil {
			return err
		}
	}
}

// take passes on what the feed has brought, beginning with msg.
func (f *follower) take(ctx context.Context, msg *nats.Msg) error {
	batch := make([]wire.Message, 0, 16)
	next := f.last + 1
	for size := 0; ; {
		m, err := stored(msg)
		if err != nil {
			return f.log.away(ctx, err)
		}
		switch {
		case m.Seq < next:
		case m.Seq == next:
			batch = append(batch, m)
			size += len(msg.Data)
			next++
		default: // some are missing: a replica has them, and this one
			if err := f.give(batch); err != nil {
				return err
			}
			return f.fill(ctx, m.Seq)
		}
		if len(batch) == followBatch || size > followBytes {
			return f.give(batch)
		}
		select {
		case msg = <-f.queue:
		default:
			return f.give(batch)
		}
	}
}

func (f *follower) give(batch []wire.Message) error {
	if len(batch) == 0 {
		return nil
	}
	f.last = batch[len(batch)-1].Seq
	f.log.followed.Store(f.last)
	f.log.recent.add(batch)
	return f.fn(batch)
}

// fill passes on what a replica has, at least up to a number.
func (f *follower) fill(ctx context.Context, upTo uint64) error {
	limit, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	for {
		lines, more, err := f.log.get(limit, getRequest{Seq: f.last + 1, NextFor: subjects, Batch: feedPage})
		if err != nil {
			return err
		}
		if err := f.give(lines); err != nil {
			return err
		}
		switch {
		case more > 0 && len(lines) > 0:
		case f.last >= upTo:
			return nil
		default:
			wait.Sleep(limit, feedAgain) // the replica is a moment behind the leader
		}
	}
}
