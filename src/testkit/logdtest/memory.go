// Package logdtest has what tests of the event log share: a store in memory,
// the contract that every store fulfils, and certificates of a CA.
package logdtest

import (
	"context"
	"sync"

	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/logd"
)

// Memory is a logd.Store in memory.
type Memory struct {
	mu     sync.Mutex
	events map[event.ID]event.Event
	order  []event.ID
	away   bool
	refuse func(event.Event) string
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{events: map[event.ID]event.Event{}} }

// SetAway makes every call fail with code unavailable, or no longer.
func (m *Memory) SetAway(away bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.away = away
}

// SetRefuse makes the store refuse, for good, events for which why is not "".
func (m *Memory) SetRefuse(why func(event.Event) string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refuse = why
}

// All returns the stored events in the order of storing.
func (m *Memory) All() []event.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]event.Event, len(m.order))
	for i, id := range m.order {
		all[i] = m.events[id]
	}
	return all
}

// Insert implements logd.Store.
func (m *Memory) Insert(ctx context.Context, events []event.Event) (repeats int, err error) {
	if err := m.Ping(ctx); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	refused := map[int]string{}
	for i, e := range events {
		if m.refuse != nil {
			if why := m.refuse(e); why != "" {
				refused[i] = why
				continue
			}
		}
		if _, there := m.events[e.ID]; there {
			repeats++
			continue
		}
		m.events[e.ID] = e
		m.order = append(m.order, e.ID)
	}
	if len(refused) > 0 {
		return repeats, &logd.Refused{Why: refused}
	}
	return repeats, nil
}

// Ping implements logd.Store.
func (m *Memory) Ping(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return errs.Wrap(err, errs.Unavailable, "log database away")
	}
	if m.away {
		return errs.E(errs.Unavailable, "log database away")
	}
	return nil
}
