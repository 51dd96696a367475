package authtest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"chatlab/src/auth"
	"chatlab/src/errs"
)

// FailuresOpener opens the failures of one database again and again, as authd
// number node would, and closes them when the test ends.
type FailuresOpener func(t *testing.T, node int) auth.Failures

// Failures runs the contract of auth.Failures. Each call of newDatabase makes an
// empty database and returns how to open it.
func Failures(t *testing.T, newDatabase func(t *testing.T) FailuresOpener) {
	for name, test := range map[string]func(*testing.T, FailuresOpener){
		"what is swapped in is kept":       swapped,
		"what is not kept is not replaced": stale,
		"ids are kept apart":               apart,
		"one of many swaps is done":        swapRace,
		"the oldest are forgotten":         forgotten,
	} {
		t.Run(name, func(t *testing.T) { test(t, newDatabase(t)) })
	}
}

// Away runs what holds when the database that is shared is away.
func Away(t *testing.T, f Shared) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := f.Failed(ctx, "kim")
	wantCode(t, "failed", err, errs.Unavailable)
	if errs.RetryAfterOf(err) <= 0 {
		t.Errorf("unavailable does not say when to try again: %v", err)
	}
	_, err = f.SwapFailed(ctx, "kim", auth.Failed{}, times(1))
	wantCode(t, "swap", err, errs.Unavailable)
	_, err = f.ForgetFailed(ctx, noon)
	wantCode(t, "forget", err, errs.Unavailable)
	awayGrants(ctx, t, f)
}

var noon = time.Date(2026, 11, 24, 12, 0, 0, 123456000, time.UTC)

// times is n failures, the latest n seconds after noon.
func times(n int) auth.Failed {
	return auth.Failed{Count: n, Last: noon.Add(time.Duration(n) * time.Second)}
}

func wantFailed(t *testing.T, f auth.Failures, id string, want auth.Failed) {
	t.Helper()
	got, err := f.Failed(t.Context(), id)
	must(t, err)
	if got.Count != want.Count || !got.Last.Equal(want.Last) {
		t.Errorf("%s: %v, want %v", id, got, want)
	}
}

func swap(t *testing.T, f auth.Failures, id string, was, is auth.Failed, want bool) {
	t.Helper()
	done, err := f.SwapFailed(t.Context(), id, was, is)
	must(t, err)
	if done != want {
		t.Errorf("%s: swap of %v by %v: %t", id, was, is, done)
	}
}

func swapped(t *testing.T, opener FailuresOpener) {
	here, there := opener(t, 0), opener(t, 1)
	kept := auth.Failed{}
	for _, next := range []auth.Failed{times(1), times(2), times(9), times(3), {}, times(1), {}} {
		swap(t, here, "kim", kept, next, true)
		wantFailed(t, here, "kim", next)
		swap(t, there, "kim", kept, times(7), false) // whoever comes later has to look first
		kept = next
		if kept.Count > 0 {
			wantFailed(t, there, "kim", kept)
		}
	}
}

func stale(t *testing.T, opener FailuresOpener) {
	f := opener(t, 0)
	swap(t, f, "kim", times(1), times(2), false)
	swap(t, f, "kim", times(1), auth.Failed{}, false)
	wantFailed(t, f, "kim", auth.Failed{})
	swap(t, f, "kim", auth.Failed{}, times(4), true)
	for _, was := range []auth.Failed{{}, times(3), {Count: 4, Last: times(4).Last.Add(time.Microsecond)}, {Count: 3, Last: times(4).Last}} {
		swap(t, f, "kim", was, times(8), false)
	}
	swap(t, f, "kim", times(3), auth.Failed{}, false)
	wantFailed(t, f, "kim", times(4))
}

func apart(t *testing.T, opener FailuresOpener) {
	f := opener(t, 0)
	ids := []string{"kim", "kim-1", "kim.1", "kim_1", "kim1", "k", strings.Repeat("k", auth.MaxID)}
	for i, id := range ids {
		swap(t, f, id, auth.Failed{}, times(i+1), true)
	}
	for i, id := range ids {
		wantFailed(t, f, id, times(i+1))
	}
}

func swapRace(t *testing.T, opener FailuresOpener) {
	nodes := []auth.Failures{opener(t, 0), opener(t, 1), opener(t, 2)}
	kept := auth.Failed{}
	for round := range 6 { // made, replaced, and removed again
		var next [12]auth.Failed
		if round%3 != 2 {
			for i := range next {
				next[i] = times(100*round + i + 1)
			}
		}
		var all sync.WaitGroup
		won := make(chan auth.Failed, len(next))
		for i, is := range next {
			all.Go(func() {
				done, err := nodes[i%len(nodes)].SwapFailed(t.Context(), "kim", kept, is)
				if err != nil {
					t.Error(err)
				}
				if done {
					won <- is
				}
			})
		}
		all.Wait()
		if len(won) != 1 {
			t.Fatalf("round %d: %d swaps are done", round, len(won))
		}
		kept = <-won
	}
}

func forgotten(t *testing.T, opener FailuresOpener) {
	f := opener(t, 0)
	const ids = 2500 // more than a cluster should remove at once
	var all sync.WaitGroup
	for worker := range 10 {
		all.Go(func() {
			for i := worker; i < ids; i += 10 {
				if done, err := f.SwapFailed(t.Context(), fmt.Sprint("kim", i), auth.Failed{}, times(1)); !done {
					t.Errorf("swap: %v", err)
				}
			}
		})
	}
	all.Wait()
	swap(t, f, "lee", auth.Failed{}, times(2), true)
	calls := 1
	for ; ; calls++ {
		more, err := f.ForgetFailed(t.Context(), times(2).Last)
		must(t, err)
		if !more {
			break
		}
	}
	if calls < 2 {
		t.Errorf("%d ids were removed at once", ids)
	}
	for i := 0; i < ids; i += 100 {
		wantFailed(t, f, fmt.Sprint("kim", i), auth.Failed{})
	}
	wantFailed(t, f, "lee", times(2))
}
