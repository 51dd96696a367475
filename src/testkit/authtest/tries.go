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

// Failures runs the contract of wrong passwords. Each call of newDatabase makes an
// empty database and returns how to open it.
func Failures(t *testing.T, newDatabase func(t *testing.T) NodeOpener) {
	for name, test := range map[string]func(*testing.T, NodeOpener){
		"failures are counted for each network and in all": counted,
		"ids and networks are kept apart":                  apart,
		"none of many at once is lost":                     noneIsLost,
		"old failures, and those of a wrong clock, end":    windowed,
		"what does not count is removed":                   forgotten,
	} {
		t.Run(name, func(t *testing.T) { test(t, newDatabase(t)) })
	}
}

// Away runs what holds when the database is away.
func Away(t *testing.T, s auth.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	wantUnavailable(ctx, t, s)
}

var noon = time.Date(2026, 11, 24, 12, 0, 0, 123456000, time.UTC)

const (
	home   = "192.0.2.1/32"
	abroad = "2001:db8:1:2::/64"
	window = time.Hour
)

func after(n int) time.Time { return noon.Add(time.Duration(n) * time.Second) }

func wantTries(t *testing.T, s auth.Store, id, network string, want auth.Tries) {
	t.Helper()
	got, err := s.Tries(t.Context(), id, network)
	must(t, err)
	if got.Here.Count != want.Here.Count || got.Everywhere.Count != want.Everywhere.Count ||
		want.Here.Count > 0 && !got.Here.Last.Equal(want.Here.Last) ||
		want.Everywhere.Count > 0 && !got.Everywhere.Last.Equal(want.Everywhere.Last) ||
		!want.SignedIn.IsZero() && !got.SignedIn.Equal(want.SignedIn) {
		t.Errorf("%s from %s: %v, want %v", id, network, got, want)
	}
}

func fail(t *testing.T, s auth.Store, id, network string, now time.Time) {
	t.Helper()
	must(t, s.Fail(t.Context(), id, network, now, window))
}

func counted(t *testing.T, open NodeOpener) {
	here, there := open(t, 0), open(t, 1)
	wantTries(t, here, "kim", home, auth.Tries{})
	fail(t, here, "kim", home, after(1))
	fail(t, there, "kim", abroad, after(2))
	fail(t, there, "kim", home, after(3))
	three := auth.Failed{Count: 3, Last: after(3)}
	wantTries(t, here, "kim", home, auth.Tries{Here: auth.Failed{Count: 2, Last: after(3)}, Everywhere: three})
	wantTries(t, here, "kim", abroad, auth.Tries{Here: auth.Failed{Count: 1, Last: after(2)}, Everywhere: three})
	wantTries(t, there, "kim", "192.0.2.9/32", auth.Tries{Everywhere: three})
	must(t, there.Clear(t.Context(), "kim", home, after(4), 10*window))
	wantTries(t, here, "kim", home, auth.Tries{SignedIn: after(4), Everywhere: three})
	wantTries(t, here, "kim", abroad, auth.Tries{Here: auth.Failed{Count: 1, Last: after(2)}, Everywhere: three})
	fail(t, here, "kim", home, after(5))
	wantTries(t, there, "kim", home, auth.Tries{Here: auth.Failed{Count: 1, Last: after(5)}, Everywhere: auth.Failed{Count: 4, Last: after(5)}, SignedIn: after(4)})
	must(t, here.Clear(t.Context(), "lee", abroad, after(6), window)) // without a failure before
	wantTries(t, here, "lee", abroad, auth.Tries{SignedIn: after(6)})
}

func apart(t *testing.T, open NodeOpener) {
	s := open(t, 0)
	ids := []string{"kim", "kim-1", "kim.1", "kim_1", "kim1", "k", strings.Repeat("k", auth.MaxID)}
	longest := "2001:db8:ffff:ffff::/64"
	for i, id := range ids {
		for range i + 1 {
			fail(t, s, id, longest, noon)
		}
	}
	for i, id := range ids {
		f := auth.Failed{Count: i + 1, Last: noon}
		wantTries(t, s, id, longest, auth.Tries{Here: f, Everywhere: f})
		wantTries(t, s, id, home, auth.Tries{Everywhere: f})
	}
}

func noneIsLost(t *testing.T, open NodeOpener) {
	nodes := []auth.Store{open(t, 0), open(t, 1), open(t, 2)}
	const each = 10
	var all sync.WaitGroup
	for i, node := range nodes {
		all.Go(func() { // one attempt at a time of a process, as auth makes them
			for range each {
				if err := node.Fail(t.Context(), "kim", fmt.Sprintf("192.0.2.%d/32", i), noon, window); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	wantTries(t, nodes[0], "kim", "192.0.2.1/32", auth.Tries{
		Here: auth.Failed{Count: each, Last: noon}, Everywhere: auth.Failed{Count: each * len(nodes), Last: noon}})
}

func windowed(t *testing.T, open NodeOpener) {
	s := open(t, 0)
	fail(t, s, "kim", home, noon)
	fail(t, s, "kim", home, noon.Add(-time.Second)) // a clock that is behind
	two := auth.Failed{Count: 2, Last: noon}
	wantTries(t, s, "kim", home, auth.Tries{Here: two, Everywhere: two})
	later := noon.Add(window)
	fail(t, s, "kim", home, later)
	one := auth.Failed{Count: 1, Last: later}
	wantTries(t, s, "kim", home, auth.Tries{Here: one, Everywhere: one})
	fail(t, s, "kim", home, noon) // the clock of the last one was far ahead
	one.Last = noon
	wantTries(t, s, "kim", home, auth.Tries{Here: one, Everywhere: one})
}

func forgotten(t *testing.T, open NodeOpener) {
	s := open(t, 0)
	const ids = 1200 // more than a cluster should remove at once, with two rows each
	var all sync.WaitGroup
	for worker := range 10 {
		all.Go(func() {
			for i := worker; i < ids; i += 10 {
				if err := s.Fail(t.Context(), fmt.Sprint("kim", i), home, noon, window); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	fail(t, s, "lee", home, after(2))
	must(t, s.Clear(t.Context(), "kim0", home, noon, 2*window))
	calls := 1
	for ; ; calls++ {
		more, err := s.Forget(t.Context(), noon.Add(window+time.Second))
		must(t, err)
		if !more {
			break
		}
	}
	if calls < 2 {
		t.Errorf("%d rows were removed at once", 2*ids)
	}
	for i := 1; i < ids; i += 100 {
		wantTries(t, s, fmt.Sprint("kim", i), home, auth.Tries{})
	}
	one := auth.Failed{Count: 1, Last: after(2)}
	wantTries(t, s, "lee", home, auth.Tries{Here: one, Everywhere: one})
	wantTries(t, s, "kim0", home, auth.Tries{SignedIn: noon})
}

// Tokens runs the contract of ended tokens.
func Tokens(t *testing.T, newDatabase func(t *testing.T) NodeOpener) {
	for name, test := range map[string]func(*testing.T, NodeOpener){
		"tokens end with the next second":     endsNextSecond,
		"a later time is taken within limits": leastTime,
		"a new password ends tokens":          newPassword,
		"a deleted id keeps its end":          deletedID,
		"those that ended lately are told":    endedLately,
	} {
		t.Run(name, func(t *testing.T) { test(t, newDatabase(t)) })
	}
}

func tokensFrom(t *testing.T, s auth.Store, id string) time.Time {
	t.Helper()
	u, err := s.GetLatest(t.Context(), id)
	must(t, err)
	return u.TokensFrom
}

func endsNextSecond(t *testing.T, open NodeOpener) {
	here, there := open(t, 0), open(t, 1)
	must(t, here.Create(t.Context(), User("Kim")))
	if from := tokensFrom(t, there, "kim"); !from.IsZero() {
		t.Errorf("tokens of a new user end at %v", from)
	}
	before := time.Now()
	from, err := here.EndTokens(t.Context(), "KIM", time.Unix(0, 0))
	must(t, err)
	if !from.After(before) || from.After(time.Now().Add(time.Second)) || from.Nanosecond() != 0 {
		t.Errorf("%v is not the second after %v", from, before)
	}
	if got := tokensFrom(t, there, "kim"); !got.Equal(from) {
		t.Errorf("another auth server reads %v, want %v", got, from)
	}
}

func leastTime(t *testing.T, open NodeOpener) {
	s := open(t, 0)
	least := time.Now().Add(3 * time.Second).Truncate(time.Second)
	from, err := s.EndTokens(t.Context(), "kim", least)
	must(t, err)
	if !from.Equal(least) {
		t.Errorf("%v, want %v", from, least)
	}
	if again, err := s.EndTokens(t.Context(), "kim", time.Unix(0, 0)); err != nil || again.Before(from) {
		t.Errorf("it went back from %v to %v: %v", from, again, err)
	}
	from, err = s.EndTokens(t.Context(), "kim", time.Now().Add(time.Hour)) // a clock that is wrong
	must(t, err)
	if from.After(time.Now().Add(auth.MaxSkew + 2*time.Second)) {
		t.Errorf("a clock that is wrong ends tokens of %s ahead", time.Until(from))
	}
}

func newPassword(t *testing.T, open NodeOpener) {
	s := open(t, 0)
	must(t, s.Create(t.Context(), User("Kim")))
	from, err := s.ChangePassword(t.Context(), "kim", "another", time.Unix(0, 0))
	must(t, err)
	u, err := s.GetLatest(t.Context(), "kim")
	must(t, err)
	if u.Hash != "another" || !u.TokensFrom.Equal(from) || from.IsZero() {
		t.Errorf("%+v, tokens from %v", u, from)
	}
	_, err = s.ChangePassword(t.Context(), "nobody", "another", time.Unix(0, 0))
	wantCode(t, "unknown", err, errs.NotFound)
	if ended, err := s.Ended(t.Context(), time.Unix(0, 0)); err != nil || len(ended) != 1 {
		t.Errorf("ended: %v, %v", ended, err)
	}
}

func deletedID(t *testing.T, open NodeOpener) {
	here, there := open(t, 0), open(t, 1)
	must(t, here.Create(t.Context(), User("Kim")))
	must(t, here.Delete(t.Context(), "kIM", time.Unix(0, 0)))
	_, err := there.GetLatest(t.Context(), "kim")
	wantCode(t, "deleted", err, errs.NotFound)
	wantCode(t, "deleted twice", here.Delete(t.Context(), "kim", time.Unix(0, 0)), errs.NotFound)
	must(t, here.Create(t.Context(), User("KIM")))
	if from := tokensFrom(t, there, "kim"); from.IsZero() {
		t.Error("whoever takes the id has the tokens of the user before")
	}
}

func endedLately(t *testing.T, open NodeOpener) {
	s := open(t, 0)
	from, err := s.EndTokens(t.Context(), "Kim", time.Unix(0, 0))
	must(t, err)
	got, err := s.Ended(t.Context(), from.Add(-time.Second))
	must(t, err)
	if len(got) != 1 || got["kim"] != from.Unix() {
		t.Errorf("%v, want kim from %d", got, from.Unix())
	}
	if got, err := s.Ended(t.Context(), from); err != nil || len(got) != 0 {
		t.Errorf("later: %v, %v", got, err)
	}
	_, err = s.Forget(t.Context(), time.Now().Add(23*time.Hour))
	must(t, err)
	if got, _ := s.Ended(t.Context(), time.Unix(0, 0)); len(got) != 1 {
		t.Error("it was forgotten after a day")
	}
	_, err = s.Forget(t.Context(), time.Now().Add(48*time.Hour))
	must(t, err)
	if got, _ := s.Ended(t.Context(), time.Unix(0, 0)); len(got) != 0 {
		t.Errorf("%v is kept for ever", got)
	}
}
