package natslog

import (
	"context"
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Trim is trim, at a given time.
func (l *Log) Trim(ctx context.Context, now time.Time) error {
	if err := l.look(ctx); err != nil {
		return err
	}
	return l.trim(ctx, now)
}

// Backlog is the backlog as last seen.
func (l *Log) Backlog() int64 { return l.backlog() }

// Cursor is the cursor of the events in the bucket, as this member knows it.
func (l *Log) Cursor() uint64 { return l.emitter.kept.Load() }

// Emitter tells whether this member holds the lease.
func (l *Log) Emitter() bool { return l.emitter.held.Load() }

// Waiting is the metric of the events that wait.
func (l *Log) Waiting() int64 { return l.waiting() }

// SetLease replaces the record; "" removes it.
func (l *Log) SetLease(ctx context.Context, record string) error {
	if record == "" {
		return l.js.DeleteKeyValue(ctx, stateBucket)
	}
	_, err := l.state.PutString(ctx, leaseKey, record)
	return err
}

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
		l.recent.clear()
	}
	return members[0].create(ctx)
}

// TheirTimes are JetStream's own times of elections, at the start of the process.
var TheirTimes = [2]time.Duration{minElectionTimeout, maxElectionTimeout}

// Servers are those of JetStream, as its leader knows them; none on another server.
func (l *Log) Servers() []string {
	info, err := l.server.Jsz(nil)
	if err != nil || info.Meta == nil || !l.server.JetStreamIsLeader() {
		return nil
	}
	out := []string{l.opts.Node}
	for _, m := range info.Meta.Replicas {
		out = append(out, m.Name)
	}
	slices.Sort(out)
	return out
}

// LeftOver names who would be removed after so many seconds.
func (l *Log) LeftOver(seconds int) []string {
	l.leftOver(time.Now())
	var out []string
	for _, m := range l.leftOver(time.Now().Add(time.Duration(seconds) * time.Second)) {
		out = append(out, m.Name)
	}
	return out
}

// Reread reads the names again.
func (l *Log) Reread() error {
	_, err := l.opts.Cluster.peers.read()
	return err
}

// Members is how many are named.
func (l *Log) Members() int { return l.opts.Cluster.members() }

// Own is what this member's own files hold of the log.
func (l *Log) Own() server.StreamState {
	info, err := l.server.Jsz(&server.JSzOptions{Account: account, Accounts: true, Streams: true})
	if err != nil || len(info.AccountDetails) == 0 || len(info.AccountDetails[0].Streams) == 0 {
		return server.StreamState{}
	}
	return info.AccountDetails[0].Streams[0].State
}

// Replicas is how many replicas have all lines now.
func (l *Log) Replicas(ctx context.Context) int64 {
	if l.known() != nil {
		return 0
	}
	_ = l.look(ctx)
	current, _ := l.replicas()
	return int64(current)
}

// ClientURL is the address of the embedded server's port for clients.
func (l *Log) ClientURL() string { return l.server.ClientURL() }

// PutEpochs replaces the list of epochs.
func (l *Log) PutEpochs(ctx context.Context, list string) error {
	_, err := l.state.PutString(ctx, epochsKey, list)
	return err
}

// TakeAlone is the part of a move to one before the log is packed.
func (l *Log) TakeAlone(ctx context.Context) error {
	for _, stream := range slices.Backward(streams) {
		if err := l.takeAlone(ctx, stream); err != nil {
			return err
		}
	}
	return nil
}
