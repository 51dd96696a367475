package natslog

import (
	"slices"
	"time"
	_ "unsafe" // for linkname

	"github.com/nats-io/nats-server/v2/server"
)

// A member of a Raft group that hears of no leader waits for its election timeout, as
// it cannot tell a leader that is gone from one that is slow. Here it often can: the
// route to a leader that was killed is closed at once, and one that led a moment ago
// and had to give up, since a member that was cut off came back with a higher term,
// knows that nobody leads. Then an election begins within electSoon instead of 5 s. A
// leader that was killed and is back within routeGone is not seen to be gone.
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
	here := l.others()
	most := 2*(1+len(here)) > l.opts.Cluster.members() && !l.leaving.Load()
	for group, c := range known {
		node := lookupRaftNode(l.server, group)
		if node == nil || !most {
			c.without = time.Time{}
			continue
		}
		leads := node.State() == server.Leader
		if c.due(now, leads, node.GroupLeader(), here) {
			l.logger.Info("the group's leader is gone, an election begins", "group", group)
			_ = node.Campaign() // fails only when it leads meanwhile
		}
	}
}

// due tells whether to begin an election now, by what is known of the leader: its
// id, "" for none, and the names of the members that are connected.
func (c *candidacy) due(now time.Time, leads bool, leader string, here []string) bool {
	if leads {
		c.led = now
	}
	if leads || leader != "" && slices.ContainsFunc(here, func(name string) bool { return peerID(name) == leader }) {
		c.without = time.Time{}
		return false
	}
	if c.without.IsZero() {
		c.without = now
	}
	patience := nobodyKnown
	switch {
	case leader != "":
		patience = routeGone
	case now.Sub(c.led) <= nobodyKnown:
		patience = 0
	}
	if now.Sub(c.without) < patience || now.Before(c.next) {
		return false
	}
	c.next = now.Add(electAgain)
	return true
}
