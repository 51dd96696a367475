package zbx

import (
	"context"
	"hash/fnv"
	"sync"
	"time"

	"chatlab/src/errs"
	"chatlab/src/wait"
)

// schedule runs each item of an active agent in a goroutine of its own.
type schedule struct {
	a       *Active
	running map[activeItem]context.CancelFunc
	parts   sync.WaitGroup
}

// maxItems bounds what a server may have an agent run.
const maxItems = 5000

func newSchedule(a *Active) *schedule {
	return &schedule{a: a, running: map[activeItem]context.CancelFunc{}}
}

// set makes the items those that run: items that are gone or have changed end, items that are
// new begins, and the others go on.
func (s *schedule) set(ctx context.Context, items []activeItem) {
	if len(items) > maxItems {
		s.a.Log.Error("the server wants too many items: the rest is left out", "items", len(items), "limit", maxItems)
		items = items[:maxItems]
	}
	wanted := map[activeItem]bool{}
	for _, it := range items {
		wanted[it] = true
	}
	for it, stop := range s.running {
		if !wanted[it] {
			stop()
			delete(s.running, it)
		}
	}
	for it := range wanted {
		if s.running[it] == nil {
			own, stop := context.WithCancel(ctx)
			s.running[it] = stop
			s.parts.Go(func() { s.run(own, it) })
		}
	}
}

// stop ends all items and waits for them.
func (s *schedule) stop() {
	s.set(context.Background(), nil)
	s.parts.Wait()
}

// run takes an item's value at once, and then at its interval.
func (s *schedule) run(ctx context.Context, it activeItem) {
	times, err := parseInterval(string(it.Delay))
	if err != nil {
		s.a.add(result{item: it, value: errs.Public(err), bad: true, at: time.Now()})
		return
	}
	limit, ok := seconds(string(it.Timeout))
	if !ok || limit <= 0 {
		limit = s.a.Longest
	}
	for {
		s.take(ctx, it, limit)
		if !wait.Sleep(ctx, untilNext(it, times, time.Now())) {
			return
		}
	}
}

// take runs the check and keeps its value, with the time when it had it.
func (s *schedule) take(ctx context.Context, it activeItem, limit time.Duration) {
	check, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	value, err := s.a.Handle(check, it.Key)
	if ctx.Err() != nil {
		return // what ends now says nothing about what is checked
	}
	r := result{item: it, value: value, at: time.Now()}
	if err != nil {
		r.value, r.bad = errs.Public(err), true
	}
	s.a.add(r)
}

// untilNext spreads items of the same update interval over it, at times that stay the
// same, as Zabbix's agents do.
func untilNext(it activeItem, times interval, now time.Time) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(it.Key)) // never fails
	phase := time.Duration(h.Sum64() % uint64(longest))
	return times.next(now, phase).Sub(now)
}
