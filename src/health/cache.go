package health

import (
	"context"
	"strings"
	"sync"
	"time"
)

// cached keeps the results of a check that is dear, for each of its parameters.
type cached struct {
	Check
	keep time.Duration
	now  func() time.Time

	mu   sync.Mutex
	seen map[string]*slot
}

// slot is one result; its lock is held while the check runs, so that those who
// ask meanwhile share the answer.
type slot struct {
	turn  chan struct{}
	at    time.Time
	value string
	err   error
}

// maxSlots bounds the parameters that are remembered.
const maxSlots = 256

// Cached makes a check answer from its last result, a failure too, for as long
// as keep.
func Cached(c Check, keep time.Duration) Check {
	return &cached{Check: c, keep: keep, now: time.Now, seen: map[string]*slot{}}
}

// Run implements [Check].
func (c *cached) Run(ctx context.Context, params []string) (string, error) {
	s := c.slot(strings.Join(params, "\x00"))
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { <-s.turn }()
	if !s.at.IsZero() && c.now().Sub(s.at) < c.keep {
		return s.value, s.err
	}
	value, err := c.Check.Run(ctx, params)
	if err != nil && ctx.Err() != nil {
		return "", err // the caller's time was over: that is no result
	}
	s.value, s.err, s.at = value, err, c.now()
	return value, err
}

func (c *cached) slot(key string) *slot {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.seen[key]
	if s == nil {
		if len(c.seen) >= maxSlots {
			clear(c.seen)
		}
		s = &slot{turn: make(chan struct{}, 1)}
		c.seen[key] = s
	}
	return s
}
