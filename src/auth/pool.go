package auth

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"chatlab/src/errs"
)

// pool bounds the work that costs a core and 19 MiB each: at most slots at a
// time, and at most queue callers waiting for one, first come first served.
type pool struct {
	slots   chan struct{}
	queue   int64
	waiting atomic.Int64
}

// newPool makes a pool; slots is cut to GOMAXPROCS, which is also what 0 means.
func newPool(slots, queue int) *pool {
	if cores := runtime.GOMAXPROCS(0); slots <= 0 || slots > cores {
		slots = cores
	}
	return &pool{slots: make(chan struct{}, slots), queue: int64(queue)}
}

// do runs work in a slot. Fails with code unavailable, without having run it,
// when the queue is full or ctx ends first.
func (p *pool) do(ctx context.Context, work func()) error {
	select {
	case p.slots <- struct{}{}:
	default:
		if err := p.wait(ctx); err != nil {
			return err
		}
	}
	defer func() { <-p.slots }()
	work()
	return nil
}

func (p *pool) wait(ctx context.Context) error {
	defer p.waiting.Add(-1)
	if p.waiting.Add(1) > p.queue {
		return errs.E(errs.Unavailable, "too many sign-ins are waiting").WithRetry(2 * time.Second)
	}
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errs.Wrap(ctx.Err(), errs.Unavailable, "the request ended while it waited").WithRetry(time.Second)
	}
}
