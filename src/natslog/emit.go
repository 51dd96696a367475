package natslog

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/wire"
)

// Events takes events; Emit returns once they are durable.
type Events interface {
	Emit(ctx context.Context, evs ...event.Event) error
}

const (
	emitBatch  = 256
	emitWait   = 5 * time.Second        // of one pull, for the first line
	emitAgain  = 200 * time.Millisecond // after a failure
	ackWait    = 3 * time.Second        // then another chatd, or the next one here, gets the line
	ackExtend  = time.Second            // how often it is told to wait on
	ackTimeout = 2 * time.Second
)

// Emit emits the event of every line, in batches of what is there, until ctx
// ends. While events are not taken, they are tried again and the backlog grows.
// It also trims the log.
func (l *Log) Emit(ctx context.Context, to Events) error {
	select {
	case <-l.declared:
	case <-ctx.Done():
		return nil
	}
	l.emits.Store(true)
	defer l.emits.Store(false)
	var watching sync.WaitGroup
	watching.Go(func() { l.watch(ctx) })
	defer watching.Wait()
	pass := l.emitAlone
	if l.opts.Cluster != nil {
		pass = l.emitShared
	}
	for ctx.Err() == nil {
		if err := pass(ctx, to); err != nil && ctx.Err() == nil {
			l.logger.Warn("events of the chat log cannot be read", "err", err)
			wait(ctx, emitAgain)
		}
	}
	return nil
}

// emitShared is one pull of Emit for a cluster's log, whose lines the consumer
// hands out to its members. A line is acknowledged once its event is durable.
func (l *Log) emitShared(ctx context.Context, to Events) error {
	pull, err := l.events.Fetch(emitBatch, jetstream.FetchMaxWait(emitWait))
	if err != nil {
		return err
	}
	l.emitAll(ctx, to, pull.Messages())
	if err := pull.Error(); err != nil && !quiet(err) {
		return err
	}
	return nil
}

// quiet tells whether an error says no more than that there was nothing.
func quiet(err error) bool {
	return errors.Is(err, jetstream.ErrNoMessages) || errors.Is(err, context.DeadlineExceeded)
}

// emitAll emits what a pull brings, as it comes. When ctx ends, what was not
// acknowledged comes again later.
func (l *Log) emitAll(ctx context.Context, to Events, in <-chan jetstream.Msg) {
	batch := make([]jetstream.Msg, 0, emitBatch)
	for {
		select {
		case <-ctx.Done():
			return
		case msg, open := <-in:
			if !open {
				return
			}
			batch = append(batch[:0], msg)
		}
		for more := true; more; {
			select {
			case msg, open := <-in:
				if more = open; open {
					batch = append(batch, msg)
				}
			default:
				more = false
			}
		}
		l.emit(ctx, to, batch)
	}
}

// emit emits a batch until it is durable or ctx ends; nobody else shall have it
// meanwhile.
func (l *Log) emit(ctx context.Context, to Events, batch []jetstream.Msg) {
	evs := make([]event.Event, 0, len(batch))
	for _, msg := range batch {
		ev, err := eventOf(msg)
		if err != nil {
			l.logger.Error("a line of the chat log has no place in it", "err", err)
			continue
		}
		evs = append(evs, ev)
	}
	done := make(chan bool, 1)
	go func() { done <- l.durable(ctx, to, evs) }()
	extend := time.NewTicker(ackExtend)
	defer extend.Stop()
	for {
		select {
		case durable := <-done:
			if durable {
				l.acknowledge(batch)
			}
			return
		case <-extend.C:
			for _, msg := range batch {
				_ = msg.InProgress()
			}
		}
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
		wait(ctx, emitAgain)
	}
}

func (l *Log) acknowledge(batch []jetstream.Msg) {
	for _, msg := range batch {
		if err := msg.Ack(); err != nil {
			l.logger.Debug("an event's acknowledgement was not sent, it will come again", "err", err)
			continue
		}
		l.emitted.Inc()
	}
}

// eventOf makes the event of a line. Its id has the seconds of the line's time
// and the line's number, so that a repeat has the same.
func eventOf(msg jetstream.Msg) (event.Event, error) {
	seq, at, err := place(msg.Reply())
	if err != nil {
		return event.Event{}, err
	}
	return lineEvent(decode(msg.Subject(), msg.Data(), seq, at)), nil
}

func lineEvent(m wire.Message) event.Event {
	var id event.ID
	binary.BigEndian.PutUint32(id[:4], uint32(m.Time.Unix()))
	binary.BigEndian.PutUint64(id[4:], m.Seq)
	return event.Event{ID: id, Server: "chat", Category: "chat", Subject: m.User, Data: m.Text}
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
