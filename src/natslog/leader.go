package natslog

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/nats-io/nats.go"

	"chatlab/src/wire"
)

// leaderAnswer is what STREAM.MSG.GET answers, see NATS ADR-8 and the
// reference of the JetStream API.
type leaderAnswer struct {
	Message struct {
		Subject string    `json:"subject"`
		Seq     uint64    `json:"seq"`
		Data    []byte    `json:"data"`
		Time    time.Time `json:"time"`
	} `json:"message"`
	Error *struct {
		Code        int    `json:"code"`
		Description string `json:"description"`
	} `json:"error"`
}

// readFromLeader reads from the leader, one line a request. It has all that
// Follow gave.
func (l *Log) readFromLeader(ctx context.Context, room string, after uint64, n int) ([]wire.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	if err := l.leaderHas(ctx, l.followed.Load()); err != nil {
		return nil, err
	}
	var lines []wire.Message
	for len(lines) < n {
		body, err := json.Marshal(getRequest{Seq: after + 1, NextFor: prefix + room})
		if err != nil {
			return nil, err
		}
		var msg *nats.Msg
		err = l.askLeader(ctx, func(ctx context.Context) (err error) {
			msg, err = l.conn.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+streamName, body)
			return err
		})
		if err != nil {
			return nil, l.away(ctx, err)
		}
		var a leaderAnswer
		if err := json.Unmarshal(msg.Data, &a); err != nil {
			return nil, l.away(ctx, err)
		}
		if a.Error != nil && a.Error.Code == 404 {
			break
		}
		if a.Error != nil {
			return nil, l.away(ctx, errors.New("read: "+a.Error.Description))
		}
		after = a.Message.Seq
		lines = append(lines, decode(a.Message.Subject, a.Message.Data, after, a.Message.Time.UTC()))
	}
	return lines, nil
}

// oneTry is how long a leader may take for an answer before it is asked again:
// what was asked while there was none is never answered.
const oneTry = 500 * time.Millisecond

// askLeader asks until there is an answer, or ctx ends. Alone it asks once.
func (l *Log) askLeader(ctx context.Context, ask func(context.Context) error) error {
	if l.opts.Cluster == nil {
		return ask(ctx)
	}
	for {
		try, cancel := context.WithTimeout(ctx, oneTry)
		err := ask(try)
		unanswered := err != nil && try.Err() != nil || errors.Is(err, nats.ErrNoResponders)
		cancel()
		if !unanswered || ctx.Err() != nil {
			return err
		}
		wait(ctx, leaderless)
	}
}

// leaderHas waits until the leader, which may be new, has all lines up to one.
func (l *Log) leaderHas(ctx context.Context, seq uint64) error {
	for {
		b, err := l.Bounds(ctx)
		if err != nil || b.Last >= seq {
			return err
		}
		wait(ctx, feedAgain)
	}
}
