// Package wait pauses, backs off and polls under a context.
package wait

import (
	"context"
	"math/rand/v2"
	"time"

	"chatlab/src/errs"
)

// Sleep waits for d and returns true, or false once ctx ends.
func Sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// Until calls done at once and then after every interval, until it returns true.
// It returns false if ctx ends first.
func Until(ctx context.Context, every time.Duration, done func() bool) bool {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return false
		}
	}
	return true
}

// Every calls f at once and then after every interval, until ctx ends. It does not
// call f if ctx has ended.
func Every(ctx context.Context, every time.Duration, f func()) {
	Until(ctx, every, func() bool {
		if ctx.Err() == nil {
			f()
		}
		return false
	})
}

// Available calls f at once and then after every interval, while f fails with code
// unavailable and ctx lives. It returns what f returned last.
func Available[T any](ctx context.Context, every time.Duration, f func() (T, error)) (v T, err error) {
	Until(ctx, every, func() bool {
		v, err = f()
		return !errs.Is(err, errs.Unavailable)
	})
	return v, err
}

// Backoff is the pause between attempts: it doubles from First to Last with each
// attempt that fails. The real pause is a random one of at least half of that, so
// that many clients of a server do not return at the same moment.
type Backoff struct {
	First, Last time.Duration

	failed int
}

// Next counts a failed attempt and returns the pause after it.
func (b *Backoff) Next() time.Duration {
	d := Doubled(b.First, b.Last, b.failed)
	b.failed++
	return d/2 + rand.N(d/2+1)
}

// Sleep waits for the next pause and returns true, or false once ctx ends.
func (b *Backoff) Sleep(ctx context.Context) bool { return Sleep(ctx, b.Next()) }

// Failed returns the failed attempts since the last success.
func (b *Backoff) Failed() int { return b.failed }

// Reset makes the next pause the first again, after a success.
func (b *Backoff) Reset() { b.failed = 0 }

// Doubled returns first doubled a number of times, at most last.
func Doubled(first, last time.Duration, times int) time.Duration {
	for ; times > 0 && first <= last/2; times-- {
		first *= 2
	}
	if times > 0 {
		return last
	}
	return min(first, last)
}
