package natslog

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// How often the backlog is looked at, and the stream trimmed.
const (
	lookEvery = time.Second
	trimEvery = time.Minute
)

// watch keeps the backlog known and the stream within its limits until ctx ends.
func (l *Log) watch(ctx context.Context) {
	look, trim := time.NewTicker(lookEvery), time.NewTicker(trimEvery)
	defer look.Stop()
	defer trim.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case now := <-look.C:
			l.cutOff(now) // whether anybody asks or not
			err = l.look(ctx)
			l.forgetMoved()
			l.tend(ctx, time.Now())
		case <-trim.C:
			err = l.trim(ctx, time.Now())
		}
		if err != nil && ctx.Err() == nil {
			l.logger.Warn("the chat log cannot be looked after", "err", err)
		}
	}
}

// look keeps known what the log holds.
func (l *Log) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	to := l.emitter.to.Load()
	info, err := l.stream.Info(ctx)
	if l.reached.Store(err == nil); err != nil {
		return err
	}
	l.seen.Store(info)
	return l.checkCursor(ctx, to, info.State.LastSeq)
}

// backlog counts the lines whose event is not emitted, as last seen.
func (l *Log) backlog() int64 {
	last := l.seen.Load().State.LastSeq
	return int64(last - min(last, l.emitter.to.Load()))
}

// waiting counts the lines whose event is not emitted. It includes every line that this
// server has acknowledged, also since the last look.
func (l *Log) waiting() int64 {
	return max(l.backlog(), int64(l.stored.Load()-l.emitter.to.Load()))
}

// trimShare is the part of a log that may go at once because of its age. The clock of
// a leader may be wrong: it then takes many minutes, with a warning in each, until lines
// are gone that should be kept.
const trimShare = 16

// trim drops lines that are too old or too many, up to the first whose event is
// not emitted by the cursor in the bucket. Only the leader does, whose clock gives lines
// their times.
func (l *Log) trim(ctx context.Context, now time.Time) error {
	if !l.leads() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	state := l.seen.Load().State
	if state.Msgs == 0 {
		return nil
	}
	keep := state.FirstSeq
	if over := int64(state.Bytes) - l.opts.MaxBytes; l.opts.MaxBytes > 0 && over > 0 {
		// Lines are about of one size; a trim that was not enough is followed by another.
		keep += uint64(float64(over) / float64(state.Bytes) * float64(state.LastSeq-state.FirstSeq+1))
	}
	if l.opts.MaxAge > 0 {
		young, err := l.firstYoung(ctx, state, now)
		if err != nil {
			return err
		}
		keep = max(keep, young)
	}
	if keep = min(keep, l.emitter.kept.Load()+1); keep <= state.FirstSeq {
		return nil
	}
	l.logger.Info("chat log trimmed", "from", state.FirstSeq, "to", keep-1)
	return l.stream.Purge(ctx, jetstream.WithPurgeSequence(keep))
}

// firstYoung returns the line before which lines are too old, as far as a share of the
// log allows. The age counts from the newest line, or from now if that is earlier.
func (l *Log) firstYoung(ctx context.Context, state jetstream.StreamState, now time.Time) (uint64, error) {
	horizon := earlier(now, state.LastTime).Add(-l.opts.MaxAge)
	if !state.FirstTime.Before(horizon) {
		return state.FirstSeq, nil
	}
	young, _, err := l.get(ctx, getRequest{StartTime: &horizon, NextFor: subjects, Batch: 1})
	if err != nil || len(young) == 0 {
		return state.FirstSeq, err
	}
	most := state.FirstSeq + max(1, (state.LastSeq-state.FirstSeq+1)/trimShare)
	if young[0].Seq > most {
		l.logger.Warn("much of the chat log is too old, a part of it is dropped each minute: if it is not, set this host's clock",
			"old", young[0].Seq-state.FirstSeq, "newest", state.LastTime)
	}
	return min(young[0].Seq, most), nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
