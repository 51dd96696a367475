package natslog

import (
	"context"

	"github.com/nats-io/nats.go"

	"chatlab/src/chat"
	"chatlab/src/wire"
)

// Sizes of a batch that is handed on at once, and of what waits for it.
const (
	followBatch = 1024
	followBytes = 128 << 10
	followQueue = 16 << 10
)

// Follow implements [chat.Log].
func (l *Log) Follow(ctx context.Context, after uint64, fn func([]wire.Message) error) error {
	if err := l.known(); err != nil {
		return err
	}
	if l.opts.Cluster != nil {
		return l.followFeed(ctx, after, fn)
	}
	return l.followConsumer(ctx, after, func(batch []wire.Message) error {
		if err := l.onDisk(ctx, batch[len(batch)-1].Seq); err != nil {
			return err
		}
		l.recent.add(batch)
		return fn(batch)
	})
}

// followConsumer follows by an ordered consumer, which nats.go makes anew after
// the last line it gave when something is missing. It costs least, but lives on
// one server of a cluster and would be lost with it.
func (l *Log) followConsumer(ctx context.Context, after uint64, fn func([]wire.Message) error) error {
	queue := make(chan *nats.Msg, followQueue)
	sub, err := l.push.ChanSubscribe(subjects, queue, nats.BindStream(streamName), nats.OrderedConsumer(),
		nats.StartSequence(after+1), nats.Context(ctx))
	if err != nil {
		return l.away(ctx, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	batch := make([]wire.Message, 0, followBatch)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.closed:
			return l.away(ctx, nats.ErrConnectionClosed)
		case msg := <-queue:
			batch, err = gather(batch[:0], msg, queue)
			if err != nil {
				return l.away(ctx, err)
			}
			if err := fn(batch); err != nil {
				return err
			}
		}
	}
}

// gather takes what is there, beginning with msg.
func gather(batch []wire.Message, msg *nats.Msg, queue <-chan *nats.Msg) ([]wire.Message, error) {
	for size := 0; ; {
		seq, at, err := place(msg.Reply)
		if err != nil {
			return nil, err
		}
		batch = append(batch, decode(msg.Subject, msg.Data, seq, at))
		if size += len(msg.Data); len(batch) == followBatch || size > followBytes {
			return batch, nil
		}
		select {
		case msg = <-queue:
		default:
			return batch, nil
		}
	}
}

var _ chat.Log = (*Log)(nil)
