package authtest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"chatlab/src/auth"
	"chatlab/src/errs"
	"chatlab/src/testkit"
)

// Grants runs the contract of auth.Grants on an empty database, which is opened as
// in Limits.
func Grants(t *testing.T, open SharedOpener) {
	here, there := open(t, 0), open(t, 1)
	one, class, site := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("198.51.100.7/32"), netip.MustParsePrefix("2001:db8:1:2::/64")
	want := func(now time.Time, want ...auth.Grant) {
		t.Helper()
		var got []auth.Grant
		testkit.Until(t, fmt.Sprint("heard are ", want), func() bool { // a node hears a moment later
			var err error
			got, err = there.ExchangeGrants(t.Context(), "there", nil, now)
			must(t, err)
			slices.SortFunc(got, func(g, h auth.Grant) int {
				return strings.Compare(g.Node+g.Network.String(), h.Node+h.Network.String())
			})
			return slices.Equal(got, want)
		})
	}
	tell := func(node string, now time.Time, mine ...auth.Grant) {
		t.Helper()
		got, err := here.ExchangeGrants(t.Context(), node, mine, now)
		must(t, err)
		if slices.ContainsFunc(got, func(g auth.Grant) bool { return g.Node == node }) {
			t.Errorf("%s hears itself: %v", node, got)
		}
	}
	grant := func(node string, network netip.Prefix, total uint64) auth.Grant {
		return auth.Grant{Node: node, Network: network, Since: noon.Add(-time.Hour), Total: total}
	}
	second := noon.Add(time.Second)
	want(noon)
	tell("a", noon, grant("a", one, 5), grant("a", site, 1<<40))
	want(noon, grant("a", one, 5), grant("a", site, 1<<40))
	tell("a", second, grant("a", one, 8), grant("a", class, 9))
	tell("b", second, grant("b", one, 3))
	tell("there", second, grant("there", one, 3))
	want(second, grant("a", one, 8), grant("a", class, 9), grant("a", site, 1<<40), grant("b", one, 3))
	want(noon.Add(auth.GrantsKept), grant("a", one, 8), grant("a", class, 9), grant("b", one, 3))
	want(second.Add(auth.GrantsKept))
	anew := auth.Grant{Node: "b", Network: one, Since: second, Total: 1}
	tell("b", noon.Add(3*auth.GrantsKept), anew)
	want(noon, anew) // what was told before is removed

	var many []auth.Grant
	for i := range 100 {
		many = append(many, grant("c", netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(100 + i)}), 32), uint64(i)))
	}
	tell("c", noon, many...)
	want(noon, append([]auth.Grant{anew}, many...)...)
}

// addressLimited has an address use its limit up at one node, and go to another.
func addressLimited(t *testing.T, n *nodes) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, len(n.each))
	for _, one := range n.each {
		go func() { ended <- one.Run(ctx) }()
	}
	defer func() {
		cancel()
		for range n.each {
			must(t, <-ended)
		}
	}()
	n.each[0].signUp(t, "kim")
	for i, one := range n.each {
		testkit.Until(t, fmt.Sprintf("node %d has heard of the others", i), func() bool { return one.exchanges.Load() > 1 })
	}
	granted := 0
	for ; n.each[0].asks("192.0.2.1:5") == http.StatusOK; granted++ {
	}
	if burst := auth.DefaultLimits().RequestBurst; granted != burst {
		t.Fatalf("%d requests are granted, want %d", granted, burst)
	}
	for i, one := range n.each[1:] {
		asked := 0
		testkit.Until(t, fmt.Sprintf("node %d refuses it too", i+1), func() bool {
			asked++
			return one.asks("192.0.2.1:6") == http.StatusTooManyRequests
		})
		if asked > granted/2 {
			t.Errorf("node %d granted %d by itself", i+1, asked)
		}
		if got := one.asks("192.0.2.2:5"); got != http.StatusOK {
			t.Errorf("node %d answers another address with %d", i+1, got)
		}
	}
}

// asks returns the status of an answer to an address.
func (o *node) asks(remote string) int {
	r := httptest.NewRequest(http.MethodGet, "/auth/getuser/kim", nil)
	r.RemoteAddr = remote
	w := httptest.NewRecorder()
	o.Handler().ServeHTTP(w, r)
	return w.Code
}

func (o *node) ExchangeGrants(ctx context.Context, node string, mine []auth.Grant, now time.Time) ([]auth.Grant, error) {
	defer o.exchanges.Add(1)
	return o.Shared.ExchangeGrants(ctx, node, mine, now)
}

func awayGrants(ctx context.Context, t *testing.T, g auth.Grants) {
	t.Helper()
	for _, mine := range [][]auth.Grant{nil, {{Node: "a", Network: netip.MustParsePrefix("192.0.2.1/32"), Since: noon, Total: 1}}} {
		_, err := g.ExchangeGrants(ctx, "a", mine, noon)
		wantCode(t, "exchange", err, errs.Unavailable)
	}
}
