package natslog

import (
	"context"
	"encoding/binary"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/wait"
	"chatlab/src/wire"
)

// Events takes events; Emit returns once they are durable.
type Events interface {
	Emit(ctx context.Context, evs ...event.Event) error
}

const (
	emitBatch = 256
	emitAgain = 200 * time.Millisecond // after a failure
	emitLook  = 250 * time.Millisecond // how often the log itself is asked for lines, whatever Follow gives
)

// Emit emits the event of every line, in batches of what is there, until ctx
// ends. While events are not taken, they are tried again and the backlog grows.
// In a cluster one member does. It also trims the log. It fails with code unavailable
// when the log has to be opened anew, see store.
func (l *Log) Emit(ctx context.Context, to Events) error {
	select {
	case <-l.declared:
	case <-l.store.ended:
		return l.store.why()
	case <-ctx.Done():
		return nil
	}
	l.emits.Store(true)
	defer l.emits.Store(false)
	var watching sync.WaitGroup
	defer watching.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	watching.Go(func() { l.watch(ctx) })
	watching.Go(func() { l.reportDamage(ctx) })
	watching.Go(func() {
		select {
		case <-l.store.ended:
			stop()
		case <-ctx.Done():
		}
	})
	for ctx.Err() == nil {
		if err := l.emitAll(ctx, to); err != nil && ctx.Err() == nil {
			l.logger.Warn("events of the chat log cannot be read", "err", err)
			wait.Sleep(ctx, emitAgain)
		}
	}
	return l.store.why()
}

// emitAll takes the lines that Follow gave; those from before, and all while
// nobody follows, it reads.
func (l *Log) emitAll(ctx context.Context, to Events) error {
	look := time.NewTicker(emitLook)
	defer look.Stop()
	for late := false; ; {
		var lines []wire.Message
		var grown <-chan struct{}
		if l.emitsNow() {
			var err error
			if lines, grown, err = l.unemitted(ctx, late); err != nil {
				return err
			}
		}
		late = false
		if len(lines) > 0 {
			if err := l.emit(ctx, to, lines); err != nil {
				return err
			}
			continue
		}
		select {
		case <-grown:
		case <-look.C:
			late = true
		case <-ctx.Done():
			return ctx.Err()
		case <-l.closed:
			return l.away(ctx, nats.ErrConnectionClosed)
		}
	}
}

// unemitted returns the next lines without an event, and what is closed when more
// come. ask is whether to ask the log even if there seem to be none.
func (l *Log) unemitted(ctx context.Context, ask bool) ([]wire.Message, <-chan struct{}, error) {
	done := l.cursor.seq.Load()
	lines, known, grown := l.recent.after(done, emitBatch)
	if known && (len(lines) > 0 || !ask) {
		return lines, grown, nil
	}
	lines, _, err := l.get(ctx, getRequest{Seq: done + 1, NextFor: subjects, Batch: emitBatch})
	return lines, grown, err
}

// emit emits lines until their events are durable, and keeps the position.
func (l *Log) emit(ctx context.Context, to Events, lines []wire.Message) error {
	evs := make([]event.Event, 0, len(lines))
	for _, m := range lines {
		evs = append(evs, lineEvent(m))
	}
	l.turn.begins()
	durable := l.durable(ctx, to, evs)
	l.turn.ends()
	if !durable {
		return ctx.Err()
	}
	l.emitted.Add(float64(len(lines)))
	return l.emittedTo(lines[len(lines)-1].Seq)
}

// durable emits events until all are durable, but for those that cannot be
// events at all, or, false, ctx ends.
func (l *Log) durable(ctx context.Context, to Events, evs []event.Event) bool {
	for failed := false; ; failed = true {
		err := to.Emit(ctx, evs...)
		switch {
		case err == nil:
			return true
		case errs.Is(err, errs.BadEvent) && len(evs) > 1:
			half := len(evs) / 2
			return l.durable(ctx, to, evs[:half]) && l.durable(ctx, to, evs[half:])
		case errs.Is(err, errs.BadEvent):
			l.logger.Error("a line cannot be an event and is left out of the event log", "err", err, "event", evs)
			return true
		case ctx.Err() != nil:
			return false
		}
		if !failed {
			l.logger.Warn("events are not taken, trying again", "err", err)
		}
		wait.Sleep(ctx, emitAgain)
	}
}

// lineEvent makes the event of a line. Its id has the seconds of the line's time
// and the line's number, so that a repeat has the same.
func lineEvent(m wire.Message) event.Event {
	var id event.ID
	binary.BigEndian.PutUint32(id[:4], uint32(m.Time.Unix()))
	binary.BigEndian.PutUint64(id[4:], m.Seq)
	return event.Event{ID: id, Server: "chat", Category: "chat", Subject: m.User, Data: m.Text}
}
