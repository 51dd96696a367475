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

// Limits proves that ids are locked by all authd which share a database.
// Each call of newDatabase makes an empty one and returns how to open it.
func Limits(t *testing.T, newDatabase func(t *testing.T) NodeOpener) {
	for name, test := range map[string]func(*testing.T, *nodes){
		"failures count wherever they happen":            alternate,
		"a stranger locks nobody else":                   stranger,
		"many networks lock an id but for its own":       manyNetworks,
		"at once no more than one more for each process": atOnce,
		"a success on one node clears on all":            clears,
		"a lock outlives authd":                          restarted,
		"failures are forgotten":                         calm,
		"who knows the password writes once":             writesOnce,
		"what cannot be counted is unavailable":          uncounted,
		"what was not decided is no failure":             undecided,
		"sign-ins of one user at once leave nothing":     together,
	} {
		t.Run(name, func(t *testing.T) { test(t, startNodes(t, newDatabase(t))) })
	}
}

func alternate(t *testing.T, n *nodes) {
	n.each[0].signUp(t, "Kim")
	for _, id := range []string{"kim", "nobody"} { // a lock does not tell who exists
		for i := range guesses {
			n.each[i%len(n.each)].fails(t, here, []string{id, strings.ToUpper(id)}[i%2], 1)
		}
		for i, lock := range []time.Duration{lockout, 2 * lockout, lockoutMax, lockoutMax} {
			n.locked(t, here, id, lock)
			n.pass(lock)
			n.each[i%len(n.each)].fails(t, here, id, 1)
		}
		n.locked(t, here, id, lockoutMax)
	}
	n.pass(lockoutMax)
	n.each[1].signsIn(t, here, "kim")
	n.each[2].fails(t, here, "kim", guesses-1)
	n.each[0].signsIn(t, here, "kim")
}

func stranger(t *testing.T, n *nodes) {
	n.each[0].signUp(t, "kim")
	n.each[0].fails(t, there, "kim", guesses)
	n.locked(t, there, "kim", lockout)
	for _, one := range n.each {
		one.signsIn(t, here, "kim")
	}
	n.locked(t, there, "kim", lockout) // another's success ends no lock
}

func manyNetworks(t *testing.T, n *nodes) {
	n.each[0].signUp(t, "kim")
	n.each[0].signsIn(t, here, "kim")
	for i := range idGuesses {
		n.each[i%len(n.each)].fails(t, fmt.Sprintf("192.0.2.%d:5", 10+i), "kim", 1)
	}
	n.locked(t, there, "kim", lockoutMax) // not the end of the lock, which nobody else has to know
	for _, one := range n.each {
		one.signsIn(t, here, "kim")
	}
	n.each[1].fails(t, here, "kim", 1) // let through, and still counted
	n.pass(2 * lockoutMax)
	n.each[2].signsIn(t, there, "kim")
}

func atOnce(t *testing.T, n *nodes) {
	n.each[0].signUp(t, "kim0")
	most := guesses + len(n.each) - 1
	for round := range 4 {
		id := fmt.Sprint("kim", round)
		if checked := n.guessAtOnce(t, id); checked < guesses || checked > most {
			t.Errorf("%s: %d guesses were checked before the lock, want %d to %d", id, checked, guesses, most)
		}
		n.pass(lockoutMax) // whatever the lock is, one guess is next, at each process
		if checked := n.guessAtOnce(t, id); checked < 1 || checked > len(n.each) {
			t.Errorf("%s: %d guesses were checked after the lock, want 1 to %d", id, checked, len(n.each))
		}
	}
}

// guessAtOnce makes many wrong guesses at all nodes, and returns how many were
// checked.
func (n *nodes) guessAtOnce(t *testing.T, id string) int {
	t.Helper()
	var all sync.WaitGroup
	var checked atomic.Int32
	for i := range 24 { // as many as have a place in the line of each
		all.Go(func() {
			switch got := n.each[i%len(n.each)].wrong(t, here, id); got {
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
		n.each[i%len(n.each)].fails(t, here, "kim", guesses-1)
		n.each[(i+1)%len(n.each)].signsIn(t, here, "kim")
	}
	n.each[0].fails(t, here, "kim", guesses)
	n.locked(t, here, "kim", lockout)
}

func restarted(t *testing.T, n *nodes) {
	n.each[0].signUp(t, "kim")
	n.each[0].fails(t, here, "kim", guesses)
	n.start(t)
	n.locked(t, here, "kim", lockout)
}

func calm(t *testing.T, n *nodes) {
	n.each[0].fails(t, here, "kim", guesses-1)
	n.pass(2 * lockoutMax)
	n.each[1].fails(t, here, "kim", guesses-1)
	n.pass(2*lockoutMax - time.Second)
	n.each[2].fails(t, here, "kim", 1)
	n.locked(t, here, "kim", lockout)
}

func writesOnce(t *testing.T, n *nodes) {
	n.each[0].signUp(t, "kim")
	for i, one := range n.each {
		for range 5 {
			one.signsIn(t, here, "kim")
		}
		want := int32(0)
		if i == 0 {
			want = 1 // that the network has signed in
		}
		if writes := one.writes.Load(); writes != want {
			t.Errorf("node %d: five sign-ins made %d writes, want %d", i, writes, want)
		}
	}
}

func uncounted(t *testing.T, n *nodes) {
	one := n.each[0]
	one.signUp(t, "kim")
	one.noWrites.Store(true)
	if got := one.wrong(t, here, "kim"); got != errs.Unavailable {
		t.Errorf("a wrong guess that is not counted gets %q", got)
	}
	one.signsIn(t, here, "kim")
	one.noWrites.Store(false)
	one.noReads.Store(true)
	for _, passwd := range []string{password, "wrong wrong"} {
		if _, err := one.Login(t.Context(), here, "kim", passwd); !errs.Is(err, errs.Unavailable) {
			t.Errorf("%s: %v", passwd, err)
		}
	}
	one.noReads.Store(false)
	one.fails(t, here, "kim", guesses)
	n.locked(t, here, "kim", lockout)
}

func undecided(t *testing.T, n *nodes) {
	one, other := n.each[0], n.each[1]
	one.signUp(t, "kim")
	one.fails(t, here, "kim", guesses-1)
	other.noUsers.Store(true)
	for range guesses {
		if got := other.wrong(t, here, "kim"); got != errs.Unavailable {
			t.Fatalf("%q", got)
		}
	}
	other.noUsers.Store(false)
	one.fails(t, here, "kim", 1)
	n.locked(t, here, "kim", lockout)
}

func together(t *testing.T, n *nodes) {
	n.each[0].signUp(t, "kim")
	var all sync.WaitGroup
	for i := range 5 * len(n.each) {
		all.Go(func() {
			if _, err := n.each[i%len(n.each)].Login(t.Context(), here, "kim", password); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	wantTries(t, n.each[0].Store, "kim", home, auth.Tries{})
}
