package health

import (
	"context"
	"strings"
	"sync"
	"time"
)

// kept holds the results of a check for each of its parameters.
type kept struct {
	check Check

	mu   sync.Mutex
	seen map[string]*result
}

// result is one result; its turn is held while the check runs, so that those who ask
// meanwhile share the answer.
type result struct {
	turn  chan struct{}
	at    time.Time
	value string
	err   error
}

// maxResults bounds the parameters that are remembered.
const maxResults = 256

func newKept(c Check) *kept { return &kept{check: c, seen: map[string]*result{}} }

// value returns the last result while it is fresh, and runs the check otherwise.
func (k *kept) value(ctx context.Context, params []string) (string, error) {
	if k.check.Keep == 0 {
		return k.check.Run(ctx, params)
	}
	r := k.of(strings.Join(params, "\x00"))
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { <-r.turn }()
	if !r.at.IsZero() && time.Since(r.at) < k.check.Keep {
		return r.value, r.err
	}
	value, err := k.check.Run(ctx, params)
	if err != nil && ctx.Err() != nil {
		return "", err // the caller's time was over: that is no result
	}
	r.value, r.err, r.at = value, err, time.Now()
	return value, err
}

func (k *kept) of(params string) *result {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.seen[params]
	if r == nil {
		if len(k.seen) >= maxResults {
			clear(k.seen)
		}
		r = &result{turn: make(chan struct{}, 1)}
		k.seen[params] = r
	}
	return r
}
