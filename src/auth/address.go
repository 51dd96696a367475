package auth

import (
	"net/netip"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"chatlab/src/errs"
)

// kind is a budget of an address.
type kind int

const (
	free    kind = iota // no budget
	request             // any call but health
	signing             // a call with a password
	failure             // a wrong password
	kinds
)

// addresses keeps the budgets of each network, of as many as Limits.Tracked: the
// one that was not used for the longest time makes room.
type addresses struct {
	rates  [kinds]rate.Limit
	bursts [kinds]int
	seen   *lru.Cache[netip.Prefix, *[kinds]*rate.Limiter]
}

func newAddresses(l Limits) *addresses {
	seen, _ := lru.New[netip.Prefix, *[kinds]*rate.Limiter](l.Tracked) // fails below 1 only
	return &addresses{
		rates:  [kinds]rate.Limit{request: perSecond(l.RequestsPerSecond), signing: perSecond(l.SignInsPerSecond), failure: perSecond(l.FailuresPerMinute / 60)},
		bursts: [kinds]int{request: l.RequestBurst, signing: l.SignInBurst, failure: l.FailureBurst},
		seen:   seen,
	}
}

func perSecond(r float64) rate.Limit {
	if r == 0 {
		return rate.Inf
	}
	return rate.Limit(r)
}

// budget returns one budget of a network.
func (a *addresses) budget(from netip.Prefix, k kind) *rate.Limiter {
	b, ok := a.seen.Get(from)
	if !ok {
		b = new([kinds]*rate.Limiter)
		for k := request; k < kinds; k++ {
			b[k] = rate.NewLimiter(a.rates[k], a.bursts[k])
		}
		if before, found, _ := a.seen.PeekOrAdd(from, b); found {
			b = before // another request of the network was first
		}
	}
	return b[k]
}

// take pays for one request. Fails with code rate_limited.
func (a *addresses) take(from netip.Prefix, k kind, now time.Time) error {
	r := a.budget(from, k).ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return errs.E(errs.RateLimited, "too many requests from this address").WithRetry(wait)
	}
	return nil
}

// mayFail tells whether a network may send a password that can be wrong: its budget of
// failures is not used up. Fails with code rate_limited.
func (a *addresses) mayFail(from netip.Prefix, now time.Time) error {
	b := a.budget(from, failure)
	if left := b.TokensAt(now); left < 1 && b.Limit() != rate.Inf {
		wait := time.Duration((1 - left) / float64(b.Limit()) * float64(time.Second))
		return errs.E(errs.RateLimited, "too many failed sign-ins from this address").WithRetry(wait)
	}
	return nil
}

// failed pays for a wrong password.
func (a *addresses) failed(from netip.Prefix, now time.Time) { a.budget(from, failure).AllowN(now, 1) }
