package natslog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"chatlab/src/wait"
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

// Read implements [chat.Log]. A replica that is behind lacks lines at the end, and only
// there: the leader has those.
func (l *Log) Read(ctx context.Context, room string, after uint64, n int) ([]wire.Message, error) {
	lines, _, err := l.get(ctx, getRequest{Seq: after + 1, NextFor: prefix + room, Batch: n})
	if err != nil || len(lines) == n || l.opts.Cluster == nil {
		return lines, err
	}
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	end, err := l.end(ctx) // no line beyond it: where many come, a reader would never end
	for err == nil && len(lines) < n {
		if len(lines) > 0 {
			after = lines[len(lines)-1].Seq
		}
		if after >= end {
			break
		}
		var m *wire.Message
		if m, err = l.nextOfLeader(ctx, room, after); m == nil || m.Seq > end {
			break
		}
		lines = append(lines, *m)
	}
	if err != nil {
		return nil, err
	}
	return lines, nil
}

// end returns the number of the leader's last line, once the leader, which may be
// new, has all that Follow gave.
func (l *Log) end(ctx context.Context) (uint64, error) {
	for followed := l.followed.Load(); ; wait.Sleep(ctx, feedAgain) {
		b, err := l.Bounds(ctx)
		if err != nil || b.Last >= followed {
			return b.Last, err
		}
	}
}

// nextOfLeader returns the first line of a room after a number, nil if there is none.
func (l *Log) nextOfLeader(ctx context.Context, room string, after uint64) (*wire.Message, error) {
	var answer server.JSApiMsgGetResponse
	err := l.ask(ctx, func(ctx context.Context) error {
		return api(ctx, l.conn, fmt.Sprintf(server.JSApiMsgGetT, streamName), getRequest{Seq: after + 1, NextFor: prefix + room}, &answer)
	})
	var refused *jetstream.APIError
	switch {
	case errors.As(err, &refused) && refused.Code == http.StatusNotFound:
		return nil, nil
	case err != nil:
		return nil, l.away(ctx, err)
	}
	got := answer.Message
	m := decode(got.Subject, got.Data, got.Sequence, got.Time.UTC())
	return &m, nil
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
			return nil, 0, statusError(msg)
		}
	}
}

// statusError is the error that a message's status stands for.
func statusError(msg *nats.Msg) error {
	code, _ := strconv.Atoi(msg.Header.Get("Status"))
	return &jetstream.APIError{Code: code, Description: "status " + msg.Header.Get("Status") + " " + msg.Header.Get("Description")}
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

// Tail implements [chat.Log].
func (l *Log) Tail(ctx context.Context, room string, n int) ([]wire.Message, error) {
	after, err := l.beforeTail(ctx, room, n)
	var tail []wire.Message
	for err == nil {
		var page []wire.Message
		if page, err = l.Read(ctx, room, after, readPage); err != nil {
			break
		}
		tail = append(tail, page...)
		tail = tail[max(0, len(tail)-n):]
		if len(page) < readPage {
			return tail, nil
		}
		after = page[len(page)-1].Seq
	}
	return nil, err
}

// beforeTail returns a number after which a room has n lines or more, or all that it has.
// A log is read forwards, so it steps back from the end, four times as far each time.
func (l *Log) beforeTail(ctx context.Context, room string, n int) (uint64, error) {
	bounds, err := l.Bounds(ctx)
	if err != nil {
		return 0, err
	}
	for back := uint64(n); bounds.First+back < bounds.Last; back *= 4 {
		after := bounds.Last - back
		lines, more, err := l.get(ctx, getRequest{Seq: after + 1, NextFor: prefix + room, Batch: 1})
		if err != nil || uint64(len(lines))+more >= uint64(n) {
			return after, err
		}
	}
	return bounds.First - 1, nil
}
