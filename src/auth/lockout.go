package auth

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"chatlab/src/errs"
)

const (
	// races is how often an attempt tries to be counted, or taken back, while others
	// at the same id are first: each of them brings the lock nearer, and after it
	// nobody counts.
	races = 20
	// cleanEvery is the time between two looks for failures that are forgotten.
	cleanEvery = time.Minute
)

// accounts counts wrong passwords for each id, whether a user has it or not,
// so that a lock tells nothing about which ids exist.
//
// An attempt counts as a failure before it is checked, and is taken back after, so
// that many at once get no more guesses than one after the other, on whatever node.
// One is excepted: where to count is to write to a database, the only attempt of a
// node at an id without failures counts once it was wrong, so that who knows the
// password costs no write. Each of n nodes may so check one before it knows of the
// others': they check LoginFailures + n - 1 before the lock at the most.
type accounts struct {
	limits   Limits
	failures Failures
	shared   bool // failures are in a database
	log      *slog.Logger

	mu      sync.Mutex
	flights map[string]*flight // by id: what is under way here
	cleaned time.Time
}

// flight is the attempts at one id that are under way.
type flight struct {
	attempts int
	free     bool // one of them is not counted
}

// attempt is one sign-in, from begin to end.
type attempt struct {
	id       string
	free     bool   // it is not counted, or not yet
	was, now Failed // what is kept of the id: before the attempt, and since it was admitted
}

// newAccounts counts in shared, or if that is nil in this process.
func newAccounts(l Limits, shared Failures, log *slog.Logger) *accounts {
	a := &accounts{limits: l, failures: shared, shared: shared != nil, log: log, flights: map[string]*flight{}}
	if !a.shared {
		a.failures = newMemory(l.Tracked)
	}
	return a
}

// begin admits an attempt; every begin without an error is followed by one
// end. Fails with codes rate_limited and unavailable.
func (a *accounts) begin(ctx context.Context, id string, now time.Time) (*attempt, error) {
	t := &attempt{id: strings.ToLower(id)}
	if a.limits.LoginFailures == 0 {
		return t, nil
	}
	if !a.enter(t) {
		return nil, atOnce()
	}
	if err := a.admit(ctx, t, now); err != nil {
		a.leave(t)
		return nil, err
	}
	return t, nil
}

func (a *accounts) admit(ctx context.Context, t *attempt, now time.Time) error {
	for range races {
		kept, err := a.failures.Failed(ctx, t.id)
		if err != nil {
			return err
		}
		known := a.limits.known(kept, now)
		if err := a.refusal(t, known, now); err != nil {
			return err
		}
		t.was, t.now = kept, kept
		if t.free && known.Count == 0 {
			return nil
		}
		counted := a.limits.next(known, now)
		done, err := a.swap(ctx, t.id, kept, counted, now)
		if err != nil {
			return err
		}
		if done {
			t.now = counted
			a.settle(t)
			return nil
		}
	}
	return atOnce()
}

// refusal tells why an attempt has to wait: for the end of a lock, or for others
// that are under way here and could be right yet.
func (a *accounts) refusal(t *attempt, known Failed, now time.Time) error {
	wait := a.limits.calm(known).Sub(now)
	locked := known.Count >= a.limits.LoginFailures && wait > 0
	a.mu.Lock()
	f := *a.flights[t.id]
	a.mu.Unlock()
	switch {
	case locked && f.attempts > 1:
		return atOnce()
	case locked:
		return errs.E(errs.RateLimited, "too many failed sign-ins for this id").WithRetry(wait)
	case f.free && !t.free && known.Count == a.limits.LoginFailures-1: // the one that is not counted has the last guess
		return atOnce()
	}
	return nil
}

func atOnce() error {
	return errs.E(errs.RateLimited, "too many sign-ins for this id at once").WithRetry(time.Second)
}

// outcome of an attempt.
type outcome int

const (
	undecided outcome = iota // the server could not tell
	right
	wrong
)

// end counts an attempt, or takes it back. Fails with code unavailable when a
// guess could not be counted: whoever made it must not learn that it was wrong.
func (a *accounts) end(ctx context.Context, t *attempt, how outcome, now time.Time) error {
	if a.limits.LoginFailures == 0 {
		return nil
	}
	defer a.leave(t)
	ctx = context.WithoutCancel(ctx) // whoever hangs up is counted all the same
	if how == wrong {
		if !t.free {
			return nil
		}
		return a.change(ctx, t, now, func(f Failed) Failed { return a.limits.next(a.limits.known(f, now), now) })
	}
	if t.free {
		return nil
	}
	back := t.takenBack
	if how == right {
		back = func(Failed) Failed { return Failed{} }
	}
	if err := a.change(ctx, t, now, back); err != nil {
		a.log.Warn("a sign-in that was not wrong counts as a failure", "user", t.id, "err", err)
	}
	return nil
}

// takenBack is f without the attempt; without a trace of it if nobody counted since.
func (t *attempt) takenBack(f Failed) Failed {
	switch {
	case f.same(t.now):
		return t.was
	case f.Count <= 1:
		return Failed{}
	}
	return Failed{Count: f.Count - 1, Last: f.Last}
}

// change replaces what is kept of the attempt's id, whatever that is by now.
func (a *accounts) change(ctx context.Context, t *attempt, now time.Time, to func(Failed) Failed) error {
	kept := t.now
	for range races {
		is := to(kept)
		if is.same(kept) {
			return nil
		}
		done, err := a.swap(ctx, t.id, kept, is, now)
		if done || err != nil {
			return err
		}
		if kept, err = a.failures.Failed(ctx, t.id); err != nil {
			return err
		}
	}
	return errs.E(errs.Unavailable, "too many sign-ins for this id at once").WithRetry(time.Second)
}

// swap is SwapFailed. What makes the table grow also cleans it.
func (a *accounts) swap(ctx context.Context, id string, was, is Failed, now time.Time) (bool, error) {
	done, err := a.failures.SwapFailed(ctx, id, was, is)
	if done && was.Count == 0 && a.dirty(now) {
		a.clean(ctx, now)
	}
	return done, err
}

// dirty tells whether it is time to clean, to one caller.
func (a *accounts) dirty(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Sub(a.cleaned) < cleanEvery {
		return false
	}
	a.cleaned = now
	return true
}

// clean removes what is forgotten: a lock, which takes LockoutMax at the most, and
// the calm after it are over.
func (a *accounts) clean(ctx context.Context, now time.Time) {
	more, err := a.failures.ForgetFailed(ctx, now.Add(-2*a.limits.LockoutMax))
	if err != nil {
		a.log.Warn("old failures of sign-ins are not removed", "err", err)
	}
	if more {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.cleaned = time.Time{} // the next one goes on
	}
}

// enter notes that an attempt is under way, free if it is the only one. More than
// an id without failures admits are refused unseen.
func (a *accounts) enter(t *attempt) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	f := a.flights[t.id]
	if f == nil {
		f = &flight{free: a.shared}
		t.free = a.shared
		a.flights[t.id] = f
	}
	if f.attempts >= a.limits.LoginFailures {
		return false
	}
	f.attempts++
	return true
}

// settle notes that an attempt is counted.
func (a *accounts) settle(t *attempt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drop(t)
}

// leave notes that an attempt has ended.
func (a *accounts) leave(t *attempt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drop(t)
	f := a.flights[t.id]
	if f.attempts--; f.attempts == 0 {
		delete(a.flights, t.id)
	}
}

// drop makes an attempt one that is not free.
func (a *accounts) drop(t *attempt) {
	if t.free {
		t.free, a.flights[t.id].free = false, false
	}
}
