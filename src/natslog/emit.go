package natslog

import (
	"context"
	"encoding/binary"
	"sync"
	"time"

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

// Emit emits the event of every line, in batches of the lines at hand, until ctx
// ends or the log closes. While events are not taken, they are tried again and the
// backlog grows. In a cluster one member does, see [lease]. It also trims the log. It
// fails with code unavailable when the log has to be opened anew, see store.
func (l *Log) Emit(ctx context.Context, to Events) error {
	l.emitting.Lock()
	defer l.emitting.Unlock()
	var tasks sync.WaitGroup
	defer tasks.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(l.life, stop)()
	defer context.AfterFunc(l.store.over, stop)()
	select {
	case <-l.declared:
	case <-ctx.Done():
		return context.Cause(l.store.over)
	}
	l.emits.Store(true)
	defer l.emits.Store(false)
	tasks.Go(func() { l.watch(ctx) })
	tasks.Go(func() { l.reportDamage(ctx) })
	tasks.Go(func() {
		wait.Every(ctx, leaseLook, func() { l.tendLease(ctx, !l.leaving.Load()) })
	})
	wait.Every(ctx, emitAgain, func() {
		if err := l.emitAll(ctx, to); err != nil && ctx.Err() == nil {
			l.logger.Warn("events of the chat log cannot be read", "err", err)
		}
	})
	if l.emitter.held.Load() {
		l.tendLease(context.WithoutCancel(ctx), false)
	}
	return context.Cause(l.store.over)
}

// emitAll takes the lines that Follow gave, for a while; those from before, and all
// while nobody follows, it reads.
func (l *Log) emitAll(ctx context.Context, to Events) error {
	late := time.After(emitLook)
	for ask := true; ctx.Err() == nil; ask = false {
		after := l.emitter.to.Load()
		lines, grown, err := l.unemitted(ctx, after, ask)
		if err != nil {
			return err
		}
		if len(lines) > 0 {
			l.emit(ctx, to, after, lines)
			continue
		}
		select {
		case <-grown:
		case <-late:
			return nil
		case <-ctx.Done():
		}
	}
	return nil
}

// unemitted returns the next lines that this member has to emit, and a channel that is
// closed when more lines arrive. With ask it reads the log even if the window of recent
// lines is empty.
func (l *Log) unemitted(ctx context.Context, after uint64, ask bool) ([]wire.Message, <-chan struct{}, error) {
	if !l.emitter.held.Load() {
		return nil, nil, nil
	}
	lines, known, grown := l.recent.after(after, emitBatch)
	if known && (len(lines) > 0 || !ask) {
		return lines, grown, nil
	}
	lines, _, err := l.get(ctx, getRequest{Seq: after + 1, NextFor: subjects, Batch: emitBatch})
	return lines, grown, err
}

// emit emits lines until their events are durable, and moves the cursor, unless it was
// moved meanwhile.
func (l *Log) emit(ctx context.Context, to Events, after uint64, lines []wire.Message) {
	evs := make([]event.Event, 0, len(lines))
	for _, m := range lines {
		evs = append(evs, lineEvent(m))
	}
	began := time.Now()
	l.emitter.began.Store(&began)
	defer l.emitter.began.Store(nil)
	if l.durable(ctx, to, evs) {
		l.emitted.Add(float64(len(lines)))
		l.emitter.to.CompareAndSwap(after, lines[len(lines)-1].Seq)
	}
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
