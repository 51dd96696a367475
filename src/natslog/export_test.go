package natslog

import (
	"context"
	"time"
)

// Trim is trim, at a given time.
func (l *Log) Trim(ctx context.Context, now time.Time) error {
	if err := l.look(ctx); err != nil {
		return err
	}
	return l.trim(ctx, now)
}

// Backlog is the backlog as last seen.
func (l *Log) Backlog() int64 { return l.backlog.Load() }
