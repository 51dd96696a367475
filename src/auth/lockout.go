package auth

import (
	"context"
	"strings"
	"sync"
	"time"

	"chatlab/src/errs"
	"chatlab/src/wait"
)

// Failed is how often a password was wrong, and when last (UTC, to the microsecond).
type Failed struct {
	Count int
	Last  time.Time
}

// Tries is what a store keeps of the sign-ins at an id, whether a user has it or not.
type Tries struct {
	Here       Failed    // from one network, since it signed in last
	Everywhere Failed    // from all networks
	SignedIn   time.Time // when that network signed in last; zero: not lately
}

const (
	// trusted is how long a sign-in lets its network through the lock of an id that
	// others have brought about.
	trusted = 7 * 24 * time.Hour
	// renewTrust is the age at which a sign-in is noted again: the others write nothing.
	renewTrust = 24 * time.Hour
	// lineLength and linePlaces bound the sign-ins that wait for others at their id, in
	// all and from one network.
	lineLength, linePlaces = 64, 8
	// forgetEvery is the time between two removals of expired counts.
	forgetEvery = time.Minute
)

// attempt is one password for one id, from one network.
type attempt struct {
	from peer
	id   string // in lower case
	now  time.Time
	Tries
}

// locked returns how long the attempt has to wait, or zero. How long others have
// locked an id is not told, so that they do not learn when to come back.
func (l Limits) locked(a attempt) time.Duration {
	if until := l.lockedUntil(a.Here, l.LoginFailures, a.now); until.After(a.now) {
		return until.Sub(a.now)
	}
	if a.now.Sub(a.SignedIn) < trusted {
		return 0
	}
	if l.lockedUntil(a.Everywhere, l.IDFailures, a.now).After(a.now) {
		return l.LockoutMax
	}
	return 0
}

// failed counts a wrong password, in the store and against its network. Fails with
// code unavailable when it cannot be counted: the guesser must not learn that it was
// wrong.
func (s *Service) failed(ctx context.Context, a attempt) error {
	s.addresses.failed(a.from.network, a.now)
	at := a.now.UTC().Truncate(time.Microsecond)
	// A guesser that hangs up is counted all the same.
	return s.Store.Fail(context.WithoutCancel(ctx), a.id, a.from.network.String(), at, s.cfg.Limits.window())
}

// cleared ends the row of failures of the attempt's network, and notes its sign-in.
func (s *Service) cleared(ctx context.Context, a attempt) {
	if a.Here.Count == 0 && a.now.Sub(a.SignedIn) < renewTrust {
		return
	}
	at := a.now.UTC().Truncate(time.Microsecond)
	if err := s.Store.Clear(context.WithoutCancel(ctx), a.id, a.from.network.String(), at, trusted); err != nil {
		s.Log.Warn("earlier failures of a sign-in are not cleared", "user", a.id, "addr", a.from.addr, "err", err)
	}
}

// lines has the attempts at an id wait for each other: of one process at most one
// is under way, so the limits of an id can be passed by one attempt for each other
// process at the most.
type lines struct {
	longest time.Duration

	mu    sync.Mutex
	of    map[string]*queue // by id
	users map[*queue]int
}

// enter returns when the caller's attempt is the only one at an id. Fails as queue.enter.
func (l *lines) enter(ctx context.Context, id string, from peer) (leave func(), err error) {
	id = strings.ToLower(id)
	l.mu.Lock()
	q := l.of[id]
	if q == nil {
		q = newQueue(1, linePlaces, lineLength, l.longest)
		l.of[id] = q
	}
	l.users[q]++
	l.mu.Unlock()
	gone := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.users[q]--; l.users[q] == 0 {
			delete(l.users, q)
			delete(l.of, id)
		}
	}
	if err := q.enter(ctx, from.network); err != nil {
		gone()
		return nil, err
	}
	return func() { q.leave(); gone() }, nil
}

// Run removes expired counts until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	wait.Every(ctx, forgetEvery, func() {
		for more := true; more && ctx.Err() == nil; {
			var err error
			if more, err = s.Store.Forget(ctx, s.cfg.Now().UTC()); err != nil && ctx.Err() == nil && !errs.Is(err, errs.Unavailable) {
				s.Log.Warn("old failures of sign-ins are not removed", "err", err)
			}
		}
	})
	return nil
}
