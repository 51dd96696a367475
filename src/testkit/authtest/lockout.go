package authtest

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chatlab/src/auth"
	"chatlab/src/errs"
)

// Limits proves that accounts are locked, and addresses limited, by all authd
// which share a database.
// Each call of newDatabase makes an empty one and returns how to open it.
func Limits(t *testing.T, newDatabase func(t *testing.T) SharedOpener) {
	for name, test := range map[string]func(*testing.T, *nodes){
		"failures count wherever they happen":        alternate,
		"many at once get no more guesses":           atOnce,
		"a success on one node clears on all":        clears,
		"a lock outlives authd":                      restarted,
		"clocks that differ shorten one lock only":   skewed,
		"failures are forgotten, and removed":        calm,
		"who knows the password writes nothing":      writesNothing,
		"what cannot be counted is unavailable":      uncounted,
		"what was not decided is no failure":         undecided,
		"sign-ins of one user at once leave nothing": together,
		"an address is limited by all":               addressLimited,
	} {
		t.Run(name, func(t *testing.T) { test(t, startNodes(t, newDatabase(t))) })
	}
}

func alternate(t *testing.T, n *nodes) {
	n.each[0].signUp(t, "Kim")
	for _, id := range []string{"kim", "nobody"} { // a lock does not tell who exists
		for i := range guesses {
			n.each[i%len(n.each)].fails(t, []string{id, strings.ToUpper(id)}[i%2], 1)
		}
		for i, lock := range []time.Duration{lockout, 2 * lockout, lockoutMax, lockoutMax} {
			n.locked(t, id, lock)
			n.pass(lock)
			n.each[i%len(n.each)].fails(t, id, 1)
		}
		n.locked(t, id, lockoutMax)
	}
	n.pass(lockoutMax)
	n.each[1].signsIn(t, "kim")
	n.each[2].fails(t, "kim", guesses-1)
	n.each[0].signsIn(t, "kim")
}

func atOnce(t *testing.T, n *nodes) {
	n.each[0].signUp(t, "kim0")
	for round := range 6 {
		id := fmt.Sprint("kim", round)
		checked := n.guessAtOnce(t, id)
		for i := 0; ; i++ { // and then one after the other
			got := n.each[i%len(n.each)].wrong(t, id)
			if got == errs.RateLimited {
				break
			}
			checked++
		}
		if most := guesses + len(n.each) - 1; checked < guesses || checked > most {
			t.Errorf("%s: %d guesses were checked before the lock, want %d to %d", id, checked, guesses, most)
		}
		n.pass(lockoutMax) // whatever the lock is, one guess is next
		if checked := n.guessAtOnce(t, id); checked != 1 {
			t.Errorf("%s: %d guesses were checked after the lock, want 1", id, checked)
		}
	}
}

// guessAtOnce makes many wrong guesses at all nodes, and returns how many were
// checked.
func (n *nodes) guessAtOnce(t *testing.T, id string) int {
	t.Helper()
	var all sync.WaitGroup
	var checked atomic.Int32
	for i := range 30 {
		all.Go(func() {
			switch got := n.each[i%len(n.each)].wrong(t, id); got {
			case errs.WrongCredentials:
				checked.Add(1)
			case errs.RateLimited:
			default:
				t.Errorf("one of many guesses gets %q", got)
			}
		})
	}
	all.Wait()
	return int(checked.Load())
}

func clears(t *testing.T, n *nodes) {
	n.each[0].signUp(t, "kim")
	for i := range 6 {
		n.each[i%len(n.each)].fails(t, "kim", guesses-1)
		n.each[(i+1)%len(n.each)].signsIn(t, "kim")
	}
	n.each[0].fails(t, "kim", guesses)
	n.locked(t, "kim", lockout)
}

func restarted(t *testing.T, n *nodes) {
	n.each[0].signUp(t, "kim")
	n.each[0].fails(t, "kim", guesses)
	n.start(t)
	n.locked(t, "kim", lockout)
}

// skewed has one clock go ahead of the others: times below are those of the others.
func skewed(t *testing.T, n *nodes) {
	const ahead = 3 * time.Second
	slow, fast := n.each[0], n.each[1]
	slow.signUp(t, "kim")
	fast.ahead = ahead
	slow.fails(t, "kim", guesses)
	wait := func(o *node, want time.Duration) {
		t.Helper()
		_, err := o.Login(t.Context(), "kim", password)
		if got := errs.RetryAfterOf(err); !errs.Is(err, errs.RateLimited) || got != want {
			t.Fatalf("%v, retry after %s, want %s", err, got, want)
		}
	}
	wait(slow, lockout)
	wait(fast, lockout-ahead)
	n.pass(lockout - ahead)
	fast.fails(t, "kim", 1) // what the fast clock gains, once
	wait(fast, 2*lockout)
	wait(slow, 2*lockout+ahead)
	n.pass(2 * lockout)
	wait(slow, ahead)
	fast.fails(t, "kim", 1)
	wait(fast, lockoutMax)
	n.pass(lockoutMax + ahead)
	slow.fails(t, "kim", 1)
	wait(slow, lockoutMax)

	fast.fails(t, "lee", 1)
	slow.fails(t, "lee", 1)
	first := noon.Add(time.Duration(n.time.Load())*time.Second + ahead)
	wantFailed(t, slow.Shared, "lee", auth.Failed{Count: 2, Last: first})
	fast.ahead = 24 * time.Hour // a day: what it counts is no lock of a day for the others
	fast.fails(t, "pat", guesses)
	slow.fails(t, "pat", guesses)
	if got := slow.wrong(t, "pat"); got != errs.RateLimited {
		t.Errorf("no lock by the clock that is right: %q", got)
	}
}

func calm(t *testing.T, n *nodes) {
	n.each[0].fails(t, "kim", guesses-1)
	n.each[1].fails(t, "lee", guesses)
	n.pass(lockoutMax)
	n.each[1].fails(t, "kim", guesses-1)
	n.pass(lockout - time.Second)
	if got := n.each[2].wrong(t, "lee"); got != errs.WrongCredentials { // the calm begins with the end of the lock
		t.Errorf("%q", got)
	}
	n.locked(t, "lee", 2*lockout)
	n.pass(lockoutMax + 2*lockout)
	n.each[0].fails(t, "lee", guesses-1)

	kept, err := n.each[0].Shared.Failed(t.Context(), "kim")
	must(t, err)
	if kept.Count == 0 {
		t.Fatal("what is to be removed is not there")
	}
	n.pass(2*lockoutMax + time.Minute)
	n.each[0].fails(t, "pat", 1)
	wantFailed(t, n.each[0].Shared, "kim", auth.Failed{})
}

func writesNothing(t *testing.T, n *nodes) {
	n.each[0].signUp(t, "kim")
	for i, one := range n.each {
		for range 5 {
			one.signsIn(t, "kim")
		}
		if reads, writes := one.reads.Load(), one.writes.Load(); reads != 5 || writes != 0 {
			t.Errorf("node %d: five sign-ins made %d reads and %d writes", i, reads, writes)
		}
	}
	n.each[0].fails(t, "kim", 1)
	n.each[0].fails(t, "kim", 1)
	n.each[0].signsIn(t, "kim") // counted, and taken back
	if writes := n.each[0].writes.Load(); writes != 4 {
		t.Errorf("two failures and a success made %d writes", writes)
	}
}

func uncounted(t *testing.T, n *nodes) {
	one := n.each[0]
	one.signUp(t, "kim")
	one.noWrites.Store(true)
	if got := one.wrong(t, "kim"); got != errs.Unavailable {
		t.Errorf("a wrong guess that is not counted gets %q", got)
	}
	one.signsIn(t, "kim")
	one.noWrites.Store(false)
	one.fails(t, "kim", 1)
	one.noWrites.Store(true)
	for _, passwd := range []string{password, "wrong wrong"} { // it is not even checked
		if _, err := one.Login(t.Context(), "kim", passwd); !errs.Is(err, errs.Unavailable) {
			t.Errorf("%s: %v", passwd, err)
		}
	}
	one.noWrites.Store(false)
	one.noReads.Store(true)
	for _, passwd := range []string{password, "wrong wrong"} {
		if _, err := one.Login(t.Context(), "kim", passwd); !errs.Is(err, errs.Unavailable) {
			t.Errorf("%s: %v", passwd, err)
		}
	}
	one.noReads.Store(false)
	one.fails(t, "kim", guesses-1)
	n.locked(t, "kim", lockout)
}

func undecided(t *testing.T, n *nodes) {
	one, other := n.each[0], n.each[1]
	one.signUp(t, "kim")
	cannotTell := func() {
		t.Helper()
		other.noUsers.Store(true)
		defer other.noUsers.Store(false)
		for range guesses {
			if got := other.wrong(t, "kim"); got != errs.Unavailable {
				t.Fatalf("%q", got)
			}
		}
	}
	cannotTell()
	one.fails(t, "kim", guesses-1)
	cannotTell()
	one.fails(t, "kim", 1)
	n.locked(t, "kim", lockout)
	n.pass(lockout)
	cannotTell()
	one.fails(t, "kim", 1)
	n.locked(t, "kim", 2*lockout)
}

func together(t *testing.T, n *nodes) {
	n.each[0].signUp(t, "kim")
	var all sync.WaitGroup
	for i := range 5 * len(n.each) {
		all.Go(func() {
			if _, err := n.each[i%len(n.each)].Login(t.Context(), "kim", password); err != nil && !errs.Is(err, errs.RateLimited) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, one := range n.each {
		one.signsIn(t, "kim")
	}
	wantFailed(t, n.each[0].Shared, "kim", auth.Failed{})
}
