package logd

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// trimEvery is how long the log may grow beyond its retention.
const trimEvery = time.Minute

// Retention removes events from a store until ctx ends.
type Retention struct {
	trim    func(ctx context.Context, removed func(int64)) error
	log     *slog.Logger
	removed prometheus.Counter
	every   time.Duration
}

// NewRetention makes a Retention that calls trim; nil: everything is kept.
// The metric goes to reg either way.
func NewRetention(trim func(ctx context.Context, removed func(int64)) error, log *slog.Logger, reg prometheus.Registerer) *Retention {
	r := &Retention{trim: trim, log: log, every: trimEvery, removed: prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: "chatlab", Subsystem: "logd", Name: "removed_total", Help: "Events removed from the database, as the retention says."})}
	reg.MustRegister(r.removed)
	return r
}

// Run trims at once and then every minute. A failure waits for the next time.
func (r *Retention) Run(ctx context.Context) error {
	if r.trim == nil {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(r.every)
	defer tick.Stop()
	for {
		err := r.trim(ctx, func(n int64) { r.removed.Add(float64(n)) })
		if err != nil && ctx.Err() == nil {
			r.log.Error("old events cannot be removed; trying again later", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
