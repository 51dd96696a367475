package auth

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"chatlab/src/errs"
)

// board is auth.Grants in memory; it may be away.
type board struct {
	kept map[source]Grant // by node and network
	at   map[source]time.Time
	err  error
}

func (b *board) ExchangeGrants(_ context.Context, node string, mine []Grant, now time.Time) (others []Grant, err error) {
	if b.err != nil {
		return nil, b.err
	}
	for _, g := range mine {
		at := source{node: node, network: g.Network}
		b.kept[at], b.at[at] = g, now
	}
	for at, g := range b.kept {
		if at.node != node && now.Sub(b.at[at]) < GrantsKept {
			others = append(others, g)
		}
	}
	return others, nil
}

// neighbours are nodes that exchange what they grant, and their clock.
type neighbours struct {
	*board
	nodes []*exchange
	log   bytes.Buffer
	now   time.Time
}

const (
	testRate  = 20
	testBurst = 50
)

func newNeighbours(nodes int) *neighbours {
	n := &neighbours{board: &board{kept: map[source]Grant{}, at: map[source]time.Time{}}, now: time.Unix(1_700_000_000, 0)}
	for range nodes {
		n.add()
	}
	n.exchange()
	return n
}

func (n *neighbours) add() {
	l := Limits{RequestsPerSecond: testRate, RequestBurst: testBurst, Tracked: 1000}
	n.nodes = append(n.nodes, newExchange(n.board, newAddresses(l), slog.New(slog.NewTextHandler(&n.log, nil))))
}

// exchange has all speak, and hear of those that spoke after them.
func (n *neighbours) exchange() {
	for range 2 {
		for _, x := range n.nodes {
			x.once(context.Background(), n.now)
		}
	}
}

// second lets a second pass, at the end of which all speak.
func (n *neighbours) second() {
	n.now = n.now.Add(time.Second)
	n.exchange()
}

// takes asks a node for so many requests of an address, and returns what it got.
func (n *neighbours) takes(node int, remote string, requests int) int {
	got := 0
	for range requests {
		if n.nodes[node].addresses.take(remote, n.now) == nil {
			got++
		}
	}
	return got
}

const remote = "192.0.2.1:5"

func TestLimitOfAnAddressIsThatOfAllNodesTogether(t *testing.T) {
	n := newNeighbours(3)
	if got := n.takes(0, remote, 2*testBurst); got != testBurst {
		t.Fatalf("a node grants %d", got)
	}
	n.exchange()
	for node := range n.nodes {
		if got := n.takes(node, remote, 1); got != 0 {
			t.Errorf("node %d grants what node 0 has granted", node)
		}
		if got := n.takes(node, "192.0.2.2:5", 1); got != 1 {
			t.Errorf("node %d refuses another address", node)
		}
	}
	const seconds = 120
	got := 0
	for range seconds {
		n.second()
		for node := range n.nodes {
			got += n.takes(node, remote, 1000)
		}
	}
	if want := testRate * seconds; got < want*8/10 || got > want+2*testRate*len(n.nodes) {
		t.Errorf("three nodes granted %d in %d s, want about %d", got, seconds, want)
	}
}

func TestDebtOfAnAddressIsBounded(t *testing.T) {
	n := newNeighbours(8)
	for node := range n.nodes { // each from its own bucket, before any has heard
		if got := n.takes(node, remote, 1000); got != testBurst {
			t.Fatalf("node %d grants %d", node, got)
		}
	}
	n.exchange()
	err := n.nodes[0].addresses.take(remote, n.now)
	if wait := errs.RetryAfterOf(err); wait <= 0 || wait > (testBurst/testRate+1)*time.Second {
		t.Fatalf("%v: retry after %s", err, wait)
	}
	n.now = n.now.Add(errs.RetryAfterOf(err))
	if got := n.takes(0, remote, 1); got != 1 {
		t.Error("who waited is refused")
	}
}

func TestOnlyWhatIsWorthItIsTold(t *testing.T) {
	n := newNeighbours(2)
	n.takes(0, remote, testRate/10-1)
	n.takes(0, "@", testBurst) // no address: the other's is not the same
	n.second()
	if len(n.kept) != 0 {
		t.Errorf("told: %v", n.kept)
	}
	for i := range 2 * mostTold {
		n.takes(0, fmt.Sprintf("192.0.2.%d:1", i), testRate/10+i%2)
	}
	n.second()
	if len(n.kept) != mostTold {
		t.Errorf("%d addresses are told, want %d", len(n.kept), mostTold)
	}
	for _, g := range n.kept {
		if g.Total != testRate/10+1 {
			t.Errorf("told is %v", g)
		}
	}
}

func TestNodesComeAndGo(t *testing.T) {
	n := newNeighbours(2)
	n.takes(0, remote, testBurst)
	n.second()
	n.add() // what was granted before it came is not its matter
	n.second()
	if got := n.takes(2, remote, 1000); got != testBurst {
		t.Errorf("a node that came grants %d", got)
	}
	n.exchange()
	for _, calm := range []time.Duration{toldFor - time.Second, toldFor, GrantsKept, 10 * time.Minute} { // buckets are full again
		n.now = n.now.Add(calm)
		n.exchange()
		n.takes(0, remote, testBurst)
		n.exchange()
		for node := range n.nodes {
			if got := n.takes(node, remote, 1); got != 0 {
				t.Errorf("after %s node %d grants what node 0 has granted", calm, node)
			}
		}
		n.now = n.now.Add(time.Second)
		if got := n.takes(1, remote, 1000); got != testRate {
			t.Errorf("after %s and one second node 1 grants %d", calm, got)
		}
		n.now = n.now.Add(GrantsKept)
		n.exchange()
	}
}

func TestNodesThatCannotSpeakLimitForThemselves(t *testing.T) {
	n := newNeighbours(2)
	n.err = errs.E(errs.Unavailable, "away")
	for range 3 {
		n.second()
	}
	for node := range n.nodes {
		if got := n.takes(node, remote, 1000); got != testBurst {
			t.Errorf("node %d alone grants %d", node, got)
		}
	}
	n.err = nil
	n.second()
	n.second()
	if got := strings.Count(n.log.String(), "level=WARN"); got != 2 || strings.Count(n.log.String(), "again") != 2 {
		t.Errorf("two nodes say %s", &n.log)
	}
}
