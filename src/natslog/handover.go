package natslog

import (
	"context"
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"chatlab/src/wait"
)

const (
	handOverLimit = 6 * time.Second // for others to lead: an election
	handOverEvery = 5 * time.Millisecond
	comingLimit   = 20 * time.Second // for a member that is there to have all
	startingLimit = 3 * time.Second  // for one that is not, and may be starting
	othersEvery   = 50 * time.Millisecond
)

// HandOver gives up this member's leaderships, of the log and of JetStream, without
// which nobody is told where the log ends, so that the others need not find out that
// it is gone. It returns when others lead, or there are too few. Before, it waits for
// members that will soon have all lines: without them and this one the log would take
// nothing. Alone it does nothing.
func (l *Log) HandOver() {
	if l.opts.Cluster.members() == 1 || l.known() != nil {
		return
	}
	l.leaving.Store(true)
	held := l.server.JetStreamIsStreamAssigned(account, streamName)
	if held {
		l.awaitOthers()
	}
	ctx, cancel := context.WithTimeout(context.Background(), handOverLimit)
	defer cancel()
	for _, stream := range streams {
		if l.server.JetStreamIsStreamLeader(account, stream) {
			_ = l.server.JetStreamStepdownStream(account, stream)
		}
	}
	if l.server.JetStreamIsLeader() {
		if err := l.asSystem(ctx, server.JSApiLeaderStepDown, struct{}{}); err != nil {
			l.logger.Warn("the lead of JetStream is not handed over", "err", err)
		}
	}
	for ctx.Err() == nil && !l.cutOff(time.Now()) && !l.othersLead(ctx, held) {
		wait.Sleep(ctx, handOverEvery)
	}
}

// othersLead reports whether another member leads JetStream, and the log if this member
// held it.
func (l *Log) othersLead(ctx context.Context, held bool) bool {
	all, err := l.server.Jsz(nil)
	if err != nil || all.Meta == nil || all.Meta.Leader == "" || all.Meta.Leader == l.opts.Node {
		return false
	}
	if !held {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, firstTry)
	defer cancel()
	log, err := l.stream.Info(ctx)
	return err == nil && log.Cluster != nil && log.Cluster.Leader != "" && log.Cluster.Leader != l.opts.Node
}

// awaitOthers waits until enough of the others have all lines.
func (l *Log) awaitOthers() {
	ctx, cancel := context.WithTimeout(context.Background(), comingLimit)
	defer cancel()
	for begun := time.Now(); ctx.Err() == nil && !l.cutOff(time.Now()); wait.Sleep(ctx, othersEvery) {
		try, end := context.WithTimeout(ctx, firstTry)
		info, err := l.stream.Info(try)
		end()
		if err != nil || info.Cluster == nil { // no member leads: there is nothing to keep
			return
		}
		current, coming := l.withoutMe(info.Cluster)
		if current > l.opts.Cluster.replicas()/2 || !coming && time.Since(begun) > startingLimit {
			return
		}
	}
}

// withoutMe counts the others that have all lines, and tells whether one that is
// connected has not.
func (l *Log) withoutMe(c *jetstream.ClusterInfo) (current int, coming bool) {
	if c.Leader != "" && c.Leader != l.opts.Node {
		current++
	}
	here := l.others()
	for _, r := range c.Replicas {
		switch {
		case r.Name == l.opts.Node:
		case upToDate(r) && slices.Contains(here, r.Name):
			current++
		case slices.Contains(here, r.Name):
			coming = true
		}
	}
	return current, coming
}
