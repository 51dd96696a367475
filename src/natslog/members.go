package natslog

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"chatlab/src/errs"
)

// absentFor is how long a member that is named no more has to be away until it
// is removed: one that is only restarted while the names change stays.
const absentFor = 10 * time.Second

// tend follows the names of the members. JetStream takes a new member by itself;
// one that has left it would count for ever: in the number of servers that have to
// agree, and in the replicas of the log. So the leader of the servers removes it,
// and JetStream gives its replica to another.
func (l *Log) tend(ctx context.Context, now time.Time) {
	if l.opts.Cluster == nil {
		return
	}
	changed, err := l.opts.Cluster.peers.read()
	switch {
	case err != nil:
		l.logger.Error("the members of the chat log stay as they were", "err", err, "fix", errs.FixOf(err))
	case changed:
		var names []string
		for _, m := range l.opts.Cluster.peers.all() {
			names = append(names, m.name)
		}
		l.logger.Info("the members of the chat log are others now", "names", strings.Join(names, " "))
	}
	if l.opts.Cluster.shrinks() && ctx.Err() == nil {
		if err := l.moveToOne(ctx); err != nil {
			l.logger.Warn("the chat log has not moved to this server alone yet", "err", err)
		}
		return
	}
	if log := l.seen.Load(); l.leads() && isMoving(log) { // that move was given up
		if _, _, err := l.declareStreams(ctx); err != nil {
			l.logger.Warn("the chat log takes no lines: it does not return to its members yet", "err", err)
		}
	}
	for _, gone := range l.leftOver(now) {
		if err := l.remove(ctx, gone.Peer); err != nil {
			l.logger.Warn("a server that left the chat log is not removed yet", "node", gone.Name, "err", err)
			continue
		}
		delete(l.absent, gone.Peer)
		l.logger.Info("a server has left the chat log; its replica goes to another", "node", gone.Name)
	}
}

// leftOver returns the servers that JetStream has and nobody names, once they were
// away for long enough; nothing on a server that does not lead, which forgets what
// it saw. JetStream may know a server by nothing but a number, when it was away since
// before the leader started: as long as a named one may be meant, none is left over.
func (l *Log) leftOver(now time.Time) []*server.PeerInfo {
	if !l.server.JetStreamIsLeader() {
		clear(l.absent)
		return nil
	}
	info, err := l.server.Jsz(nil)
	if err != nil || info.Meta == nil {
		return nil
	}
	here, known := l.others(), 1 // the leader is not among its replicas
	var out []*server.PeerInfo
	for _, m := range info.Meta.Replicas {
		switch {
		case l.opts.Cluster.peers.names(m.Name):
			known++
			delete(l.absent, m.Peer)
		case slices.Contains(here, m.Name):
			delete(l.absent, m.Peer)
		case l.absent[m.Peer].IsZero():
			l.absent[m.Peer] = now
		case now.Sub(l.absent[m.Peer]) >= absentFor:
			out = append(out, m)
		}
	}
	if known < len(l.opts.Cluster.peers.all()) {
		return nil
	}
	return out
}

// remove takes a server out of JetStream.
func (l *Log) remove(ctx context.Context, id string) error {
	return l.asSystem(ctx, server.JSApiRemoveServer, server.JSApiMetaServerRemoveRequest{Peer: id})
}

// asSystem asks what JetStream answers to its system account only.
func (l *Log) asSystem(ctx context.Context, subject string, question any) error {
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	conn, err := nats.Connect("", nats.InProcessServer(l.server), nats.Name(l.opts.Node),
		nats.UserInfo(systemUser, l.opts.Cluster.password))
	if err != nil {
		return err
	}
	defer conn.Close()
	return api(ctx, conn, subject, question, &server.ApiResponse{})
}
