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

// Position is the line up to which events are emitted, as this member knows.
func (l *Log) Position() uint64 { return l.position.seq.Load() }

// Leads tells whether this member orders the log.
func (l *Log) Leads() bool { return l.leads() }

// Holds tells whether this member has a replica.
func (l *Log) Holds() bool { return l.server.JetStreamIsStreamAssigned(account, streamName) }

// Others are the members that are connected.
func (l *Log) Others() []string { return l.others() }

// Reset makes the cluster's log an empty one.
func Reset(ctx context.Context, members ...*Log) error {
	if err := members[0].js.DeleteStream(ctx, streamName); err != nil {
		return err
	}
	for _, l := range members {
		l.followed.Store(0)
		l.recent.mu.Lock()
		l.recent.lines, l.recent.size = nil, 0
		l.recent.mu.Unlock()
	}
	return members[0].create(ctx)
}

// TheirTimes are JetStream's own times of elections and of a leader that is alone, at
// the start of the process.
var TheirTimes = [4]time.Duration{minElectionTimeout, maxElectionTimeout, lostQuorumInterval, lostQuorumCheck}
