package chat

import (
	"sync"
	"time"

	"chatlab/src/errs"
)

// Limits bound what clients may do. The zero value of a field means its default.
type Limits struct {
	FirstLine   time.Duration `mapstructure:"first_line" usage:"time for the first line of a connection"`
	HalfLine    time.Duration `mapstructure:"half_line" usage:"time for the rest of a line that has begun"`
	Publish     time.Duration `mapstructure:"publish" usage:"time for storing a line"`
	Rate        float64       `mapstructure:"rate" usage:"lines a second of one user, on average"`
	Burst       int           `mapstructure:"burst" usage:"lines that one user may send at once"`
	PerAddress  int           `mapstructure:"per_address" usage:"connections from one address"`
	Connections int           `mapstructure:"connections" usage:"connections in all"`
}

// DefaultLimits are meant for people who type.
func DefaultLimits() Limits {
	return Limits{
		FirstLine: 10 * time.Second, HalfLine: 30 * time.Second, Publish: 5 * time.Second,
		Rate: 20, Burst: 100, PerAddress: 1024, Connections: 20000,
	}
}

// Check tells which limit makes no sense. Fails with code usage.
func (l Limits) Check() error {
	for name, v := range map[string]float64{
		"first_line": l.FirstLine.Seconds(), "half_line": l.HalfLine.Seconds(), "publish": l.Publish.Seconds(),
		"rate": l.Rate, "burst": float64(l.Burst), "per_address": float64(l.PerAddress), "connections": float64(l.Connections),
	} {
		if !(v > 0) {
			return errs.E(errs.Usage, "limits.%s must be greater than 0", name)
		}
	}
	return nil
}

// rates limits the lines of each user, whatever number of connections the user
// has (the generic cell rate algorithm: one time a user).
type rates struct {
	every time.Duration // between two lines, on average
	slack time.Duration // how far a user may be ahead of that

	mu    sync.Mutex
	next  map[string]time.Time // when the user's bucket is full again
	prune int                  // size at which full buckets are dropped
}

const minPrune = 1024

func newRates(rate float64, burst int) *rates {
	every := time.Duration(float64(time.Second) / rate)
	return &rates{every: every, slack: every * time.Duration(burst), next: map[string]time.Time{}, prune: minPrune}
}

// take takes a line of a user. Fails with code rate_limited.
func (r *rates) take(user string, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.next[user]
	if next.Before(now) {
		next = now
	}
	next = next.Add(r.every)
	if ahead := next.Sub(now); ahead > r.slack {
		return errs.E(errs.RateLimited, "too many lines, this one was not taken").WithRetry(ahead - r.slack)
	}
	r.next[user] = next
	if len(r.next) >= r.prune {
		for u, t := range r.next {
			if t.Before(now) {
				delete(r.next, u)
			}
		}
		r.prune = max(minPrune, 2*len(r.next))
	}
	return nil
}
