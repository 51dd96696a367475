package natslog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"chatlab/src/wait"
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

// rest returns lines of a room that a replica may lack, up to where the log ends
// now. Those that Follow gave lately are at hand; others are asked of the leader,
// at a request a line: where many lines come, a reader of them would never end.
func (l *Log) rest(ctx context.Context, room string, after uint64, n int) ([]wire.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	end, err := l.end(ctx)
	if err != nil || end <= after {
		return nil, err
	}
	if lines, ok := l.atHand(ctx, room, after, end, n); ok {
		return lines, nil
	}
	return l.readFromLeader(ctx, room, after, end, n)
}

// feedWait is how long a line may take from the leader to Follow.
const feedWait = 300 * time.Millisecond

// atHand returns lines of a room from the window of what Follow gave, if that
// reaches from after to end, or soon does.
func (l *Log) atHand(ctx context.Context, room string, after, end uint64, n int) ([]wire.Message, bool) {
	late := time.NewTimer(feedWait)
	defer late.Stop()
	for {
		window, known, grown := l.recent.after(after, int(end-after)) //nolint:gosec // so many are not in it
		switch {
		case !known:
			return nil, false
		case uint64(len(window)) == end-after:
			return ofRoom(window, room, n), true
		}
		select {
		case <-grown:
		case <-late.C:
			return nil, false
		case <-ctx.Done():
			return nil, false
		}
	}
}

func ofRoom(lines []wire.Message, room string, n int) []wire.Message {
	var out []wire.Message
	for _, m := range lines {
		if m.Room == room && len(out) < n {
			out = append(out, m)
		}
	}
	return out
}

// readFromLeader reads lines from the leader, up to a number.
func (l *Log) readFromLeader(ctx context.Context, room string, after, end uint64, n int) ([]wire.Message, error) {
	var lines []wire.Message
	for len(lines) < n {
		a, err := l.nextOfLeader(ctx, room, after)
		if err != nil {
			return nil, l.away(ctx, err)
		}
		if a == nil || a.Message.Seq > end {
			break
		}
		after = a.Message.Seq
		lines = append(lines, decode(a.Message.Subject, a.Message.Data, after, a.Message.Time.UTC()))
	}
	return lines, nil
}

// nextOfLeader asks for the first line of a room after a number; nil when there
// is none.
func (l *Log) nextOfLeader(ctx context.Context, room string, after uint64) (*leaderAnswer, error) {
	body, err := json.Marshal(getRequest{Seq: after + 1, NextFor: prefix + room})
	if err != nil {
		return nil, err
	}
	var a *leaderAnswer
	err = l.ask(ctx, func(ctx context.Context) error {
		msg, err := l.conn.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+streamName, body)
		if err != nil {
			return err
		}
		a = &leaderAnswer{}
		if err := json.Unmarshal(msg.Data, a); err != nil {
			return err
		}
		if a.Error != nil && strconv.Itoa(a.Error.Code) == unavailable {
			return fmt.Errorf("%w: %s", errNotNow, a.Error.Description)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if a.Error != nil && a.Error.Code == 404 {
		return nil, nil
	}
	if a.Error != nil {
		return nil, errors.New("read: " + a.Error.Description)
	}
	return a, nil
}

// end returns the number of the leader's last line, once the leader, which may be
// new, has all that Follow gave.
func (l *Log) end(ctx context.Context) (uint64, error) {
	for followed := l.followed.Load(); ; {
		b, err := l.Bounds(ctx)
		if err != nil || b.Last >= followed {
			return b.Last, err
		}
		wait.Sleep(ctx, feedAgain)
	}
}
