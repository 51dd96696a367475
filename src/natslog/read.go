package natslog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"chatlab/src/wire"
)

// getRequest asks a stream for a run of lines of a subject, see NATS ADR-31.
// It is not in nats.go, which fetches one line a request.
type getRequest struct {
	Seq       uint64     `json:"seq,omitempty"`
	NextFor   string     `json:"next_by_subj,omitempty"`
	Batch     int        `json:"batch,omitempty"`
	StartTime *time.Time `json:"start_time,omitempty"`
}

const (
	getSubject = "$JS.API.DIRECT.GET." + streamName
	getTimeout = 5 * time.Second
)

// Read implements [chat.Log].
func (l *Log) Read(ctx context.Context, room string, after uint64, n int) ([]wire.Message, error) {
	lines, _, err := l.get(ctx, getRequest{Seq: after + 1, NextFor: prefix + room, Batch: n})
	if err != nil || len(lines) == n || l.opts.Cluster == nil {
		return lines, err
	}
	// A replica that is behind lacks lines at the end, and only there.
	if len(lines) > 0 {
		after = lines[len(lines)-1].Seq
	}
	rest, err := l.rest(ctx, room, after, n-len(lines))
	return append(lines, rest...), err
}

// get returns a run of lines, and how many there are after it, from any member.
func (l *Log) get(ctx context.Context, req getRequest) (lines []wire.Message, more uint64, err error) {
	if err := l.known(); err != nil {
		return nil, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	err = l.ask(ctx, func(ctx context.Context) (err error) {
		lines, more, err = l.getOnce(ctx, req)
		return err
	})
	if err != nil {
		return nil, 0, l.away(ctx, err)
	}
	if len(lines) > 0 {
		err = l.onDisk(ctx, lines[len(lines)-1].Seq)
	}
	return lines, more, err
}

func (l *Log) getOnce(ctx context.Context, req getRequest) ([]wire.Message, uint64, error) {
	body, err := json.Marshal(req)
	if err != nil {
		return nil, 0, err
	}
	inbox := nats.NewInbox()
	sub, err := l.conn.SubscribeSync(inbox)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := l.conn.PublishRequest(getSubject, inbox, body); err != nil {
		return nil, 0, err
	}
	lines := make([]wire.Message, 0, min(req.Batch, 256))
	for {
		msg, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return nil, 0, err
		}
		switch status := msg.Header.Get("Status"); status {
		case "":
			m, err := stored(msg)
			if err != nil {
				return nil, 0, err
			}
			lines = append(lines, m)
		case "404":
			return nil, 0, nil
		case "204":
			more, _ := strconv.ParseUint(msg.Header.Get("Nats-Num-Pending"), 10, 64)
			return lines, more, nil
		default:
			err := errors.New("read: status " + status + " " + msg.Header.Get("Description"))
			if status == unavailable {
				err = fmt.Errorf("%w: %w", errNotNow, err)
			}
			return nil, 0, err
		}
	}
}

// stored reads a line from the answer to a getRequest, or from the feed, which
// has the same headers.
func stored(msg *nats.Msg) (wire.Message, error) {
	seq, err := strconv.ParseUint(msg.Header.Get(nats.JSSequence), 10, 64)
	if err != nil {
		return wire.Message{}, err
	}
	at, err := time.Parse(time.RFC3339Nano, msg.Header.Get(nats.JSTimeStamp))
	if err != nil {
		return wire.Message{}, err
	}
	return decode(msg.Header.Get(nats.JSSubject), msg.Data, seq, at.UTC()), nil
}

// Tail implements [chat.Log]. In a cluster the end comes from the leader, since a
// replica may be behind what another member's client has just said.
func (l *Log) Tail(ctx context.Context, room string, n int) ([]wire.Message, error) {
	tail, err := l.tail(ctx, room, n)
	if err != nil || l.opts.Cluster == nil {
		return tail, err
	}
	for {
		after := uint64(0)
		if len(tail) > 0 {
			after = tail[len(tail)-1].Seq
		}
		rest, err := l.rest(ctx, room, after, n)
		if err != nil {
			return nil, err
		}
		tail = last(append(tail, rest...), n)
		if len(rest) < n {
			return tail, nil
		}
	}
}

func last(lines []wire.Message, n int) []wire.Message { return lines[max(0, len(lines)-n):] }

// tail reads a log forwards, so it steps back from the end, four times as far each
// time, until enough lines of the room follow.
func (l *Log) tail(ctx context.Context, room string, n int) ([]wire.Message, error) {
	bounds, err := l.Bounds(ctx)
	if err != nil || bounds.Last < bounds.First {
		return nil, err
	}
	from := bounds.First
	for back := uint64(n); back < bounds.Last-bounds.First; back *= 4 {
		start := bounds.Last - back + 1
		lines, more, err := l.get(ctx, getRequest{Seq: start, NextFor: prefix + room, Batch: 1})
		if err != nil {
			return nil, err
		}
		if uint64(len(lines))+more >= uint64(n) {
			from = start
			break
		}
	}
	var tail []wire.Message
	for {
		lines, more, err := l.get(ctx, getRequest{Seq: from, NextFor: prefix + room, Batch: 256})
		if err != nil {
			return nil, err
		}
		tail = last(append(tail, lines...), n)
		if more == 0 || len(lines) == 0 {
			return tail, nil
		}
		from = lines[len(lines)-1].Seq + 1
	}
}
