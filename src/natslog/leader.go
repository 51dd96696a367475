package natslog

import (
	"context"
	"encoding/json"
	"errors"
	"time"

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
		msg, err := l.conn.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+streamName, body)
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
