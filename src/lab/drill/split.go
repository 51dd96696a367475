package drill

import (
	"context"
	"time"

	"chatlab/src/client"
	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
)

const (
	// shortestSplit is longer than chatd holds a line that it cannot store (5 s), and
	// than a database takes to find out that it is alone.
	shortestSplit = 15 * time.Second
	splitLimit    = 2 * time.Minute // for one split and its heal
	// staleReads is how long an auth server of the minority may still sign in who
	// exists: its database reads until it knows that it is alone. Such a sign-in is a
	// good one, and its event is kept.
	staleReads = 5 * time.Second
)

// splitNetwork cuts each machine in turn from the others, while users reach all of
// them: most know every server, some only one, on either side. The smaller part must
// refuse, with a code, and the larger one serve all the while.
func splitNetwork(asked context.Context, r *run) error {
	nodes := r.lab.Inventory.Nodes
	hold := max(shortestSplit, remaining(asked)/time.Duration(len(nodes)))
	ctx, cancel := r.outlasting(time.Duration(len(nodes)) * (hold + splitLimit))
	defer cancel()
	for i, n := range nodes {
		r.report.round(i, len(nodes))
		if ctx.Err() != nil {
			return nil
		}
		if err := r.splitOff(ctx, n, hold); err != nil {
			return err
		}
		r.report.round(i+1, len(nodes))
	}
	return nil
}

func (r *run) splitOff(ctx context.Context, node inventory.Node, hold time.Duration) error {
	var m *minority
	f := fault{name: node.Name + " is split from the others", hold: hold, grace: longestGrace, undos: []undo{{Node: node.Name, Join: true}}}
	f.make = func(ctx context.Context) error {
		m = r.crew.expectCut(node.Name)
		if err := r.cable(node.Name, func(c lab.Networked) error { return c.Cut(ctx) }); err != nil {
			return err
		}
		m.begin(time.Now())
		return nil
	}
	f.after = func() { r.report.minority(m.end()) }
	err := r.strike(ctx, f)
	if m != nil {
		m.served()
	}
	return err
}

// minority are the clients that know one server only, while that is cut off.
type minority struct {
	node    string
	chats   []*chatter
	signers []*signer
	before  []client.Stats
}

// expectCut lets those be without service whose only servers are on a node.
func (c *crew) expectCut(node string) *minority {
	m := &minority{node: node}
	for _, u := range c.chats {
		if u.pin == node {
			m.chats = append(m.chats, u)
			u.gap.excuse(true)
		}
	}
	for _, s := range c.signers {
		if s.pin == node {
			m.signers = append(m.signers, s)
			s.gap.excuse(true)
		}
	}
	return m
}

func (m *minority) begin(now time.Time) {
	for _, u := range m.chats {
		m.before = append(m.before, u.chat.Stats())
		u.cut.begin(now, now)
	}
	for _, s := range m.signers {
		s.cut.begin(now, now.Add(staleReads))
	}
}

// end sums up what the clients got, just before the heal.
func (m *minority) end() Minority {
	out := Minority{Node: m.node, Clients: len(m.chats), Signers: len(m.signers), Lines: map[errs.Code]int{}, SignIns: map[errs.Code]int{}}
	for i, u := range m.chats {
		if i >= len(m.before) { // the cut could not be made
			break
		}
		taken, _ := u.cut.end()
		out.Taken += taken
		codes := refusedSince(m.before[i], u.chat.Stats())
		if len(codes) == 0 {
			out.Silent++
		}
		merge(out.Lines, codes)
	}
	for _, s := range m.signers {
		taken, codes := s.cut.end()
		out.Taken += taken
		merge(out.SignIns, codes)
	}
	return out
}

func merge(into, codes map[errs.Code]int) {
	for code, n := range codes {
		into[code] += n
	}
}

// served ends the excuse: the clients are served again like all others.
func (m *minority) served() {
	for _, u := range m.chats {
		u.gap.excuse(false)
	}
	for _, s := range m.signers {
		s.gap.excuse(false)
	}
}
