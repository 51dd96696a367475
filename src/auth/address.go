package auth

import (
	"net/netip"
	"sync"
	"time"

	"chatlab/src/errs"
)

// addresses is a token bucket for each address.
type addresses struct {
	rate, burst float64
	mu          sync.Mutex
	seen        *table[netip.Prefix, bucket]
	untold      map[netip.Prefix]int // granted since the latest exchange; nil: nobody asks
}

type bucket struct {
	tokens float64   // below zero after other nodes granted more than there was
	last   time.Time // zero: full
}

func newAddresses(l Limits) *addresses {
	return &addresses{
		rate: l.RequestsPerSecond, burst: float64(l.RequestBurst),
		seen: newTable[netip.Prefix, bucket](l.Tracked),
	}
}

// take pays for one request of remote, an "ip:port" as in
// http.Request.RemoteAddr. Fails with code rate_limited.
func (a *addresses) take(remote string, now time.Time) error {
	if a.rate == 0 {
		return nil
	}
	from := network(remote)
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.filled(from, now)
	if b.tokens < 1 {
		wait := time.Duration((1 - b.tokens) / a.rate * float64(time.Second))
		return errs.E(errs.RateLimited, "too many requests from this address").WithRetry(wait)
	}
	b.tokens--
	a.count(from)
	return nil
}

// count notes what was granted, of as many addresses as are remembered; mu is held.
func (a *addresses) count(from netip.Prefix) {
	if a.untold == nil {
		return
	}
	if n, ok := a.untold[from]; ok || len(a.untold) < a.seen.max {
		a.untold[from] = n + 1
	}
}

// filled returns the bucket of an address as it is now; mu is held.
func (a *addresses) filled(from netip.Prefix, now time.Time) *bucket {
	b := a.seen.at(from)
	if b.last.IsZero() {
		b.tokens = a.burst
	} else {
		b.tokens = min(a.burst, b.tokens+a.rate*now.Sub(b.last).Seconds())
	}
	b.last = now
	return b
}

// granted returns what addresses took since the last call; the first begins to
// count.
func (a *addresses) granted() map[netip.Prefix]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	took := a.untold
	a.untold = map[netip.Prefix]int{}
	return took
}

// pay takes what other nodes have granted to an address. The debt is bounded, so
// that whoever stops is served again soon.
func (a *addresses) pay(from netip.Prefix, requests float64, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.filled(from, now)
	b.tokens = max(-a.burst, b.tokens-requests)
}

// network returns what one client is taken to be: an IPv4 address or the /64
// of an IPv6 one. What cannot be read shares one bucket.
func network(remote string) netip.Prefix {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	ip, bits := ap.Addr().Unmap().WithZone(""), 64
	if ip.Is4() {
		bits = 32
	}
	p, _ := ip.Prefix(bits) // bits fit the family
	return p
}
