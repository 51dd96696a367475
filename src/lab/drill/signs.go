package drill

import (
	"context"
	"strings"

	"chatlab/src/errs"
	"chatlab/src/event"
)

// The categories of an auth server's events.
const (
	signUp = "signup"
	signIn = "signin"
)

// signing is all that one user asked of the auth servers in one category, and the
// events that the log has of it. A client without an answer asks another server:
// each of its requests may have been done, and each that was is an event.
type signing struct {
	acked, refused, unknown int // calls
	underWay                int // calls without an answer yet

	due      int // calls that were acknowledged before the event log is read
	possible int // requests that may have been done
	requests int // requests, the refused ones too
	good     int // stored events of success
	bad      int // stored events of failure
}

// sign makes one call to the auth servers and keeps its outcome. The error is
// that of the call.
func (l *ledger) sign(ctx context.Context, category, user string, do func(context.Context) error) error {
	l.asks(category, user, 1)
	defer l.asks(category, user, -1)
	var t tries
	err := do(t.counting(ctx))
	if category == signUp {
		err = t.signedUp(err)
	}
	l.signed(category, user, t.count(), err)
	return err
}

// signing returns the record of a user in a category.
func (l *ledger) signing(category, user string) *signing {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := category + ":" + user
	if l.signs[key] == nil {
		l.signs[key] = &signing{}
	}
	return l.signs[key]
}

// asks notes that a call begins (1) or that it has its answer (-1).
func (l *ledger) asks(category, user string, calls int) {
	s := l.signing(category, user)
	l.mu.Lock()
	defer l.mu.Unlock()
	s.underWay += calls
}

// signsAnswered reports whether no call is under way.
func (l *ledger) signsAnswered() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.signs {
		if s.underWay > 0 {
			return false
		}
	}
	return true
}

// signed keeps the outcome of a call that wrote so many requests to a socket.
func (l *ledger) signed(category, user string, requests int, err error) {
	s := l.signing(category, user)
	l.mu.Lock()
	defer l.mu.Unlock()
	if code := errs.CodeOf(err); code != "" {
		l.refusals[code]++
	}
	s.requests += requests
	switch f := fateOf(err); {
	case f == acked:
		s.acked++
		s.possible += requests
	case f == refused && requests <= 1:
		s.refused++
	default: // the server that refused is not the only one that was asked
		s.unknown++
		s.possible += requests
	}
}

// sawSigning takes an event of the auth servers. It reports whether a user of
// this drill asked for it.
func (l *ledger) sawSigning(e event.Event) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.signs[e.Category+":"+e.Subject]
	if s == nil {
		return false
	}
	switch e.Data {
	case "success":
		s.good++
	case "fail":
		s.bad++
	default:
		return false
	}
	return true
}

// expectEvents takes the calls that were acknowledged until now as those whose
// events must be stored. Clients sign in anew while the event log is read.
func (l *ledger) expectEvents() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.signs {
		s.due = s.acked
	}
}

// signingRule is one way in which the events of a user can be wrong.
type signingRule struct {
	word string
	off  func(s *signing) int
}

var signingRules = []signingRule{
	{lost, func(s *signing) int { return s.due - s.good }},
	{late, func(s *signing) int {
		if s.possible > 0 {
			return 0
		}
		return s.good
	}},
	{doubled, func(s *signing) int {
		if s.possible == 0 {
			return 0
		}
		return s.good - s.possible
	}},
	{doubled, func(s *signing) int { return s.good + s.bad - max(s.requests, s.good) }},
}

// repeated is how many requests were done beyond the one that each call is for.
func (s *signing) repeated() int {
	return max(0, min(s.good, s.possible)-s.acked-s.unknown)
}

// signedUp lists the users whose sign-up was acknowledged.
func (l *ledger) signedUp() (users []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, s := range l.signs {
		if name, ok := strings.CutPrefix(key, signUp+":"); ok && s.acked > 0 {
			users = append(users, name)
		}
	}
	return users
}
