package natslog

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"

	"chatlab/src/chat"
)

// Limits of publishing. Lines of several sessions are on their way together.
const (
	maxPending     = 4096
	publishTimeout = 10 * time.Second
)

// Publish implements [chat.Log].
func (l *Log) Publish(ctx context.Context, d chat.Draft) (chat.Receipt, error) {
	if err := l.full(); err != nil {
		return chat.Receipt{}, err
	}
	payload, err := encode(d)
	if err != nil {
		return chat.Receipt{}, err
	}
	msg := &nats.Msg{Subject: prefix + d.Room, Data: payload}
	if d.ID != "" {
		msg.Header = nats.Header{nats.MsgIdHdr: []string{d.User + "/" + d.ID}}
	}
	future, err := l.js.PublishMsgAsync(msg)
	if err != nil {
		return chat.Receipt{}, l.away(ctx, err)
	}
	select {
	case ack := <-future.Ok():
		if !ack.Duplicate {
			l.published.Inc()
		}
		return chat.Receipt{Seq: ack.Sequence, Repeat: ack.Duplicate}, nil
	case err := <-future.Err():
		return chat.Receipt{}, l.away(ctx, err)
	case <-ctx.Done():
		return chat.Receipt{}, l.away(ctx, ctx.Err())
	case <-l.closed:
		return chat.Receipt{}, l.away(ctx, nats.ErrConnectionClosed)
	}
}
