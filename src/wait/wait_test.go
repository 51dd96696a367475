package wait_test

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"chatlab/src/wait"
)

func TestSleepEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if !wait.Sleep(ctx, time.Second/2) || time.Since(began) != time.Second/2 {
			t.Errorf("a sleep within the context ended after %s", time.Since(began))
		}
		if wait.Sleep(ctx, time.Minute) || time.Since(began) != time.Second {
			t.Errorf("a sleep beyond the context ended after %s", time.Since(began))
		}
		if wait.Sleep(ctx, -1) {
			t.Error("a sleep in a context that has ended returned true")
		}
	})
}

func TestUntilLooksAtOnceAndThenAtIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, looks := time.Now(), 0
		if !wait.Until(t.Context(), time.Second, func() bool { looks++; return looks == 3 }) {
			t.Error("the condition held and Until returned false")
		}
		if got := time.Since(began); got != 2*time.Second {
			t.Errorf("three looks took %s, want two intervals", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		looks = 0
		if wait.Until(ctx, 1500*time.Millisecond, func() bool { looks++; return false }) || looks != 2 {
			t.Errorf("%d looks until the context ended, want 2 and false", looks)
		}
		looks = 0
		wait.Every(ctx, time.Second, func() { looks++ })
		if looks != 0 {
			t.Errorf("%d calls in a context that has ended, want none", looks)
		}
	})
}

func TestBackoffDoublesUpToItsLast(t *testing.T) {
	b := wait.Backoff{First: 100 * time.Millisecond, Last: time.Second}
	for range 2 {
		for n, want := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
			want *= time.Millisecond
			if b.Failed() != n {
				t.Errorf("%d failed attempts, want %d", b.Failed(), n)
			}
			if got := b.Next(); got < want/2 || got > want {
				t.Errorf("pause %d is %s, want %s to %s", n, got, want/2, want)
			}
		}
		b.Reset()
	}
	if got := wait.Doubled(time.Second, math.MaxInt64, 1000); got != math.MaxInt64 {
		t.Errorf("a pause that was doubled 1000 times is %s", got)
	}
}
