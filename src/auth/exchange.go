package auth

import (
	"cmp"
	"context"
	"crypto/rand"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"time"

	"chatlab/src/wait"
)

// Grant is how many requests of an address an authd has granted.
type Grant struct {
	Node    string       // one run of an authd
	Network netip.Prefix // an IPv4 address, or the /64 of an IPv6 one
	Since   time.Time    // when the node began to tell of it; UTC, to the microsecond
	Total   uint64       // granted since
}

// Grants lets several authd tell each other what they grant.
type Grants interface {
	// ExchangeGrants keeps what a node tells in place of what it told of the same
	// addresses before, and returns what others told less than GrantsKept before now.
	// Fails with code unavailable.
	ExchangeGrants(ctx context.Context, node string, mine []Grant, now time.Time) (others []Grant, err error)
}

const (
	// GrantsKept is how long what a node told is good. Much longer than clocks differ.
	GrantsKept = time.Minute
	// exchangeEvery is the time between two exchanges.
	exchangeEvery = time.Second
	// toldFor is how long a node goes on with a total that it told: less than
	// GrantsKept, so that none comes back after the others forgot it.
	toldFor = GrantsKept / 2
	// worth is the part of the rate that an address has to use to be told of: ten
	// nodes that do not speak of it grant the rate together.
	worth = 0.1
	// mostTold bounds what is told at once, to what is used most.
	mostTold = 100
)

// exchange has the limit of an address hold for all nodes together, about: each
// node grants from a bucket of its own, so that no request waits for a database,
// and takes out of it what the others have granted, a second later.
type exchange struct {
	grants    Grants
	addresses *addresses
	node      string
	log       *slog.Logger

	told  map[netip.Prefix]told
	heard map[source]uint64 // totals; nil before the first exchange
	away  bool
}

type told struct {
	Grant
	at time.Time
}

// source is who told of what, and since when.
type source struct {
	node    string
	network netip.Prefix
	since   int64
}

func (g Grant) source() source { return source{g.Node, g.Network, g.Since.UnixMicro()} }

func newExchange(g Grants, a *addresses, log *slog.Logger) *exchange {
	a.granted()
	return &exchange{grants: g, addresses: a, node: rand.Text(), log: log, told: map[netip.Prefix]told{}}
}

// once tells what this node granted, and takes what the others did. While the
// database is away each node limits for itself.
func (x *exchange) once(ctx context.Context, now time.Time) {
	others, err := x.grants.ExchangeGrants(ctx, x.node, x.tell(now), now)
	if ctx.Err() == nil {
		x.note(err)
	}
	if err == nil {
		x.hear(others, now)
	}
}

// note logs that the nodes lost, or found, each other.
func (x *exchange) note(err error) {
	switch {
	case err != nil && !x.away:
		x.log.Warn("the limit of an address is that of this node alone", "err", err)
	case err == nil && x.away:
		x.log.Info("the limit of an address is that of all nodes again")
	}
	x.away = err != nil
}

// tell returns what was granted to the addresses which took a part worth telling
// since the last call.
func (x *exchange) tell(now time.Time) []Grant {
	maps.DeleteFunc(x.told, func(_ netip.Prefix, t told) bool { return now.Sub(t.at) >= toldFor })
	took := x.addresses.granted()
	maps.DeleteFunc(took, func(p netip.Prefix, n int) bool {
		return !p.IsValid() || float64(n) < worth*x.addresses.rate*exchangeEvery.Seconds()
	})
	most := slices.SortedFunc(maps.Keys(took), func(p, q netip.Prefix) int { return cmp.Compare(took[q], took[p]) })
	most = most[:min(len(most), mostTold)]
	mine := make([]Grant, 0, len(most))
	for _, p := range most {
		t, ok := x.told[p]
		if !ok {
			t.Grant = Grant{Node: x.node, Network: p, Since: now.UTC().Truncate(time.Microsecond)}
		}
		t.Total, t.at = t.Total+uint64(took[p]), now
		x.told[p] = t
		mine = append(mine, t.Grant)
	}
	return mine
}

// hear takes out of the buckets what is new in the others' totals. Those that a
// node finds when it starts are of before.
func (x *exchange) hear(others []Grant, now time.Time) {
	heard := make(map[source]uint64, len(others))
	for _, g := range others {
		before := x.heard[g.source()]
		if x.heard != nil && g.Total > before {
			x.addresses.pay(g.Network, float64(g.Total-before), now)
		}
		heard[g.source()] = g.Total
	}
	x.heard = heard
}

// Run keeps in touch with other authd until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	if s.exchange == nil {
		<-ctx.Done()
		return nil
	}
	wait.Every(ctx, exchangeEvery, func() { s.exchange.once(ctx, s.cfg.Now()) })
	return nil
}
