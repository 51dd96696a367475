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
		case <-l.closed:
			return
		case now := <-look.C:
			l.cutOff(now) // whether anybody asks or not
			err = l.look(ctx)
			l.lookAtReplicas(ctx)
			l.tend(ctx, time.Now())
		case <-trim.C:
			err = l.trim(ctx, time.Now())
		}
		if err != nil && ctx.Err() == nil {
			l.logger.Warn("the chat log cannot be looked after", "err", err)
		}
	}
}

// look counts the lines whose event is not emitted.
func (l *Log) look(ctx context.Context) error {
	l.tellPosition()
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	info, err := l.stream.Info(ctx)
	if err != nil {
		return err
	}
	l.backlog.Store(int64(info.State.LastSeq - min(info.State.LastSeq, l.position.seq.Load())))
	return nil
}

// trim drops lines that are too old or too many, up to the first whose event is
// not emitted.
func (l *Log) trim(ctx context.Context, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	info, err := l.stream.Info(ctx)
	if err != nil || info.State.Msgs == 0 {
		return err
	}
	state := info.State
	keep := state.FirstSeq
	if over := int64(state.Bytes) - l.opts.MaxBytes; l.opts.MaxBytes > 0 && over > 0 {
		// Lines are about of one size; a trim that was not enough is followed by another.
		keep += uint64(float64(over) / float64(state.Bytes) * float64(state.LastSeq-state.FirstSeq+1))
	}
	if horizon := now.Add(-l.opts.MaxAge); l.opts.MaxAge > 0 && state.FirstTime.Before(horizon) {
		young, _, err := l.get(ctx, getRequest{StartTime: &horizon, NextFor: subjects, Batch: 1})
		if err != nil {
			return err
		}
		if len(young) > 0 {
			keep = max(keep, young[0].Seq)
		} else {
			keep = state.LastSeq + 1
		}
	}
	if keep = min(keep, l.position.seq.Load()+1); keep <= state.FirstSeq {
		return nil
	}
	l.logger.Info("chat log trimmed", "from", state.FirstSeq, "to", keep-1)
	return l.stream.Purge(ctx, jetstream.WithPurgeSequence(keep))
}
