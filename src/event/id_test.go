package event_test

import (
	"sync"
	"testing"
	"time"

	"chatlab/src/event"
)

func TestIDsAreUniqueAndTellTheirTime(t *testing.T) {
	const each, goroutines = 5000, 8
	var mu sync.Mutex
	var running sync.WaitGroup
	seen := map[event.ID]bool{}
	at := time.Date(2026, 10, 1, 2, 3, 4, 999, time.FixedZone("", 3600))
	for range goroutines {
		running.Go(func() {
			for range each {
				id := event.NewID(at)
				if id.Time() != at.UTC().Truncate(time.Second) {
					t.Errorf("time %s, want %s", id.Time(), at)
				}
				mu.Lock()
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	running.Wait()
	if len(seen) != each*goroutines {
		t.Fatalf("%d different IDs of %d", len(seen), each*goroutines)
	}
}

func TestParseID(t *testing.T) {
	id := event.NewID(time.Now())
	if got, ok := event.ParseID(id.String()); !ok || got != id {
		t.Fatalf("%s gives %s, %v", id, got, ok)
	}
	for _, bad := range []string{"", "0", id.String()[:23], id.String() + "0", "zz" + id.String()[2:], event.ID{}.String()} {
		if _, ok := event.ParseID(bad); ok {
			t.Errorf("%q is taken for an ID", bad)
		}
	}
}
