package check

import (
	"context"
	"sync"

	"chatlab/src/mongodb"
)

// looks lets checks that look at the log at the same time share one pass over
// it, so that they read it once together: every caller gets a pass that began
// after it asked.
type looks struct {
	mu      sync.Mutex
	running bool
	waiting []chan<- look // for the next pass
	tasks   sync.WaitGroup
}

// look is what a pass found. Its readers must not change it.
type look struct {
	records []mongodb.Record
	err     error
}

// take waits for a pass; the functions that callers give must do the same.
func (l *looks) take(ctx context.Context, pass func() ([]mongodb.Record, error)) ([]mongodb.Record, error) {
	found := make(chan look, 1)
	l.mu.Lock()
	l.waiting = append(l.waiting, found)
	if !l.running {
		l.running = true
		l.tasks.Go(func() { l.passes(pass) })
	}
	l.mu.Unlock()
	select {
	case f := <-found:
		return f.records, f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// passes makes one pass after the other while somebody waits.
func (l *looks) passes(pass func() ([]mongodb.Record, error)) {
	for {
		l.mu.Lock()
		now := l.waiting
		l.waiting = nil
		l.running = len(now) > 0
		l.mu.Unlock()
		if len(now) == 0 {
			return
		}
		records, err := pass()
		for _, found := range now {
			found <- look{records, err}
		}
	}
}
