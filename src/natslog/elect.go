package natslog

import (
	"time"
	_ "unsafe" // for linkname

	"github.com/nats-io/nats-server/v2/server"
)

// A member of a Raft group that hears of no leader waits for its election timeout, as
// it cannot tell a leader that is gone from one that is slow. Here it often can: the
// route to a leader that was killed is closed at once, and one that led a moment ago
// and had to give up, since a member that was cut off came back with a higher term,
// knows that nobody leads. A leader that was killed and started again has a route
// again, but to a server of another id, which was not elected in this term. Then an
// election begins within electSoon instead of 5 s.
const (
	electLook   = 100 * time.Millisecond
	electSoon   = 800 * time.Millisecond // nats-server's longest campaign timeout, a random one
	electAgain  = electSoon + 700*time.Millisecond
	routeGone   = 300 * time.Millisecond  // that a leader has no route
	nobodyKnown = 2200 * time.Millisecond // that a member knows no leader; one that comes back hears of it within two seconds
	metaGroup   = "_meta_"
)

// lookupRaftNode finds a group's node on a server. Nothing that nats-server exports
// gives it, though its type is exported.
//
//go:linkname lookupRaftNode github.com/nats-io/nats-server/v2/server.(*Server).lookupRaftNode
func lookupRaftNode(s *server.Server, group string) server.RaftNode

// peerID is what Raft groups call the server of a name.
//
//go:linkname peerID github.com/nats-io/nats-server/v2/server.getHash
func peerID(name string) string

// candidacy is what a member knows of one group's leader.
type candidacy struct {
	led     time.Time // when this member was last seen to lead
	without time.Time // since when the group is without a leader; zero: it has one
	next    time.Time // no election is begun before
	reign   reign     // the last that was seen
}

// reign is a leader in its term, as the server that was connected first in it.
type reign struct {
	leader string // what Raft groups call it, at each start; "" for none
	term   uint64
	server string // nats-server's id of it, another at each start; "" for not connected
}

// view is what a member sees of a group now.
type view struct {
	leads  bool              // this member does
	leader string            // as in reign
	term   uint64            // as this member knows
	here   map[string]string // the members that are connected, as in reign: leader to server
}

// electSooner begins elections in groups whose leader is gone, until the log closes.
func (l *Log) electSooner() {
	tick := time.NewTicker(electLook)
	defer tick.Stop()
	known := map[string]*candidacy{metaGroup: {}}
	for {
		select {
		case <-l.closed:
			return
		case now := <-tick.C:
			l.electIn(known, now)
		}
	}
}

func (l *Log) electIn(known map[string]*candidacy, now time.Time) {
	if group := l.group.Load(); group != nil && known[*group] == nil {
		known[*group] = &candidacy{}
	}
	here := l.connected()
	most := 2*(1+len(here)) > l.opts.Cluster.members() && !l.leaving.Load()
	for group, c := range known {
		node := lookupRaftNode(l.server, group)
		if node == nil || !most {
			c.without = time.Time{}
			continue
		}
		if c.due(now, view{node.State() == server.Leader, node.GroupLeader(), node.Term(), here}) {
			l.logger.Info("the group's leader is gone, an election begins", "group", group)
			_ = node.Campaign() // fails only when it leads meanwhile
		}
	}
}

// connected are the members that this one has a route to, as in view.
func (l *Log) connected() map[string]string {
	here := map[string]string{}
	if routes, err := l.server.Routez(nil); err == nil {
		for _, r := range routes.Routes {
			if r.RemoteName != "" {
				here[peerID(r.RemoteName)] = r.RemoteID
			}
		}
	}
	return here
}

// due tells whether to begin an election now.
func (c *candidacy) due(now time.Time, v view) bool {
	if v.leads {
		c.led = now
	}
	restarted := c.restarted(v)
	if v.leads || v.here[v.leader] != "" && !restarted {
		c.without = time.Time{}
		return false
	}
	if c.without.IsZero() {
		c.without = now
	}
	if now.Sub(c.without) < c.patience(now, v.leader, restarted) || now.Before(c.next) {
		return false
	}
	c.next = now.Add(electAgain)
	return true
}

// patience is how long a group is without a leader before an election.
func (c *candidacy) patience(now time.Time, leader string, restarted bool) time.Duration {
	switch {
	case restarted, leader == "" && now.Sub(c.led) <= nobodyKnown:
		return 0
	case leader != "":
		return routeGone
	}
	return nobodyKnown
}

// restarted tells whether the leader is connected, but not as the server that led in
// this term.
func (c *candidacy) restarted(v view) bool {
	seen := reign{v.leader, v.term, v.here[v.leader]}
	if c.reign.leader != seen.leader || c.reign.term != seen.term || c.reign.server == "" {
		c.reign = seen
	}
	return seen.server != "" && seen.server != c.reign.server
}
