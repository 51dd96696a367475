// Package authtest holds what every implementation of auth's interfaces must
// pass.
package authtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"chatlab/src/auth"
	"chatlab/src/errs"
)

// Opener opens a store on the same database again and again, from any
// goroutine: it says by t.Error that it could not.
type Opener func(t *testing.T) auth.Store

// Store runs the contract of auth.Store. Each call of newDatabase makes an
// empty database and returns how to open it.
func Store(t *testing.T, newDatabase func(t *testing.T) Opener) {
	for name, test := range map[string]func(*testing.T, Opener){
		"what is created is got":         created,
		"ids are compared without case":  caseless,
		"nothing but case is folded":     exact,
		"odd bytes find nobody":          oddBytes,
		"longest fields":                 longest,
		"passwords are updated":          updated,
		"one of many sign-ups wins":      race,
		"users outlive the store":        reopened,
		"two stores share a database":    shared,
		"a closed store is unavailable":  closed,
		"a context's end ends the calls": cancelled,
	} {
		t.Run(name, func(t *testing.T) { test(t, newDatabase(t)) })
	}
}

// User returns a user that every store must take.
func User(id string) auth.User {
	return auth.User{
		ID: id, Hash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5", Email: id + "@example.org",
		CreatedAt: time.Date(2026, 11, 24, 13, 14, 15, 123456000, time.UTC),
	}
}

func open(t *testing.T, opener Opener) (context.Context, auth.Store) {
	t.Helper()
	s := opener(t)
	t.Cleanup(func() { _ = s.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx, s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, what string, err error, code errs.Code) {
	t.Helper()
	if errs.CodeOf(err) != code {
		t.Errorf("%s: code %q, want %q (%v)", what, errs.CodeOf(err), code, err)
	}
}

func wantUser(t *testing.T, got, want auth.User) {
	t.Helper()
	if !got.CreatedAt.Equal(want.CreatedAt) || got.CreatedAt.Location() != time.UTC {
		t.Errorf("created %v, want %v in UTC", got.CreatedAt, want.CreatedAt)
	}
	got.CreatedAt = want.CreatedAt
	if got != want {
		t.Errorf("user %+v, want %+v", got, want)
	}
}

func created(t *testing.T, opener Opener) {
	ctx, s := open(t, opener)
	must(t, s.Ready(ctx))
	_, err := s.Get(ctx, "kim")
	wantCode(t, "before", err, errs.NotFound)
	want := User("kim")
	must(t, s.Create(ctx, want))
	got, err := s.Get(ctx, "kim")
	must(t, err)
	wantUser(t, got, want)
}

func caseless(t *testing.T, opener Opener) {
	ctx, s := open(t, opener)
	want := User("Kim_Z.9-a")
	must(t, s.Create(ctx, want))
	for _, id := range []string{"kim_z.9-a", "KIM_Z.9-A", "Kim_Z.9-a"} {
		got, err := s.Get(ctx, id)
		must(t, err)
		wantUser(t, got, want)
		wantCode(t, "create "+id, s.Create(ctx, User(id)), errs.IDTaken)
		must(t, s.UpdatePassword(ctx, id, want.Hash))
	}
}

func exact(t *testing.T, opener Opener) {
	ctx, s := open(t, opener)
	must(t, s.Create(ctx, User("kim_1")))
	for _, id := range []string{"kim-1", "kim.1", "kim1", "kim_", "kim_11", "kim_1 ", " kim_1", "k%", "kim_1\x00"} {
		_, err := s.Get(ctx, id)
		wantCode(t, fmt.Sprintf("get %q", id), err, errs.NotFound)
	}
	must(t, s.Create(ctx, User("kim-1")))
}

func oddBytes(t *testing.T, opener Opener) {
	ctx, s := open(t, opener)
	must(t, s.Create(ctx, User("kim")))
	for _, id := range []string{
		"", "k\u00edm", "\u212aim", "k\u0131m", "\uff4bim", "ki\u0307m", "k\U0001f600m", "k\xffm",
		"kim' OR '1'='1", `kim" --`, `kim\`, strings.Repeat("k", 10_000),
	} {
		_, err := s.Get(ctx, id)
		wantCode(t, fmt.Sprintf("get %.20q", id), err, errs.NotFound)
		err = s.UpdatePassword(ctx, id, "x")
		wantCode(t, fmt.Sprintf("update %.20q", id), err, errs.NotFound)
	}
}

func longest(t *testing.T, opener Opener) {
	ctx, s := open(t, opener)
	want := User(strings.Repeat("k", auth.MaxID))
	want.Hash = strings.Repeat("h", 255)
	want.Email = strings.Repeat("\U0001f600", 60) + "@ex.org" // four octets each
	must(t, s.Create(ctx, want))
	got, err := s.Get(ctx, want.ID)
	must(t, err)
	wantUser(t, got, want)
}

func updated(t *testing.T, opener Opener) {
	ctx, s := open(t, opener)
	want, other := User("kim"), User("lee")
	must(t, s.Create(ctx, want))
	must(t, s.Create(ctx, other))
	want.Hash = "another"
	for range 2 { // the same again is no failure
		must(t, s.UpdatePassword(ctx, "kim", want.Hash))
	}
	for _, u := range []auth.User{want, other} {
		got, err := s.Get(ctx, u.ID)
		must(t, err)
		wantUser(t, got, u)
	}
	wantCode(t, "unknown", s.UpdatePassword(ctx, "nobody", "x"), errs.NotFound)
}

func race(t *testing.T, opener Opener) {
	ctx, s := open(t, opener)
	results := make([]error, 16)
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() {
			id := "kim"
			if i%2 == 1 {
				id = "KIM"
			}
			results[i] = s.Create(ctx, User(id))
		})
	}
	all.Wait()
	won := 0
	for _, err := range results {
		if err == nil {
			won++
		} else {
			wantCode(t, "loser", err, errs.IDTaken)
		}
	}
	if won != 1 {
		t.Errorf("%d sign-ups of one id succeeded", won)
	}
}

func reopened(t *testing.T, opener Opener) {
	ctx, s := open(t, opener)
	must(t, s.Create(ctx, User("kim")))
	must(t, s.Close())
	ctx, s = open(t, opener)
	got, err := s.Get(ctx, "kim")
	must(t, err)
	wantUser(t, got, User("kim"))
}

// shared is what several authd do: open, and so migrate, at the same time.
func shared(t *testing.T, opener Opener) {
	stores := make([]auth.Store, 3)
	var all sync.WaitGroup
	for i := range stores {
		all.Go(func() { stores[i] = opener(t) })
	}
	all.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if t.Failed() {
		return
	}
	for i, s := range stores {
		defer func() { _ = s.Close() }()
		must(t, s.Create(ctx, User(fmt.Sprint("kim", i))))
	}
	for i := range stores {
		_, err := stores[0].Get(ctx, fmt.Sprint("kim", i))
		must(t, err)
	}
}

func closed(t *testing.T, opener Opener) {
	ctx, s := open(t, opener)
	must(t, s.Close())
	wantUnavailable(ctx, t, s)
}

func cancelled(t *testing.T, opener Opener) {
	_, s := open(t, opener)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	wantUnavailable(ctx, t, s)
	_, err := s.Get(ctx, "kim")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the cause is lost: %v", err)
	}
}

func wantUnavailable(ctx context.Context, t *testing.T, s auth.Store) {
	t.Helper()
	_, err := s.Get(ctx, "kim")
	wantCode(t, "get", err, errs.Unavailable)
	wantCode(t, "create", s.Create(ctx, User("kim")), errs.Unavailable)
	wantCode(t, "update", s.UpdatePassword(ctx, "kim", "x"), errs.Unavailable)
	wantCode(t, "ready", s.Ready(ctx), errs.Unavailable)
	wantCode(t, "fail", s.Fail(ctx, "kim", home, noon, window), errs.Unavailable)
	wantCode(t, "clear", s.Clear(ctx, "kim", home, noon, window), errs.Unavailable)
	wantCode(t, "delete", s.Delete(ctx, "kim", noon), errs.Unavailable)
	_, err = s.Tries(ctx, "kim", home)
	wantCode(t, "tries", err, errs.Unavailable)
	_, err = s.Forget(ctx, noon)
	wantCode(t, "forget", err, errs.Unavailable)
	_, err = s.EndTokens(ctx, "kim", noon)
	wantCode(t, "end tokens", err, errs.Unavailable)
	_, err = s.ChangePassword(ctx, "kim", "x", noon)
	wantCode(t, "change password", err, errs.Unavailable)
	_, err = s.Ended(ctx, noon)
	wantCode(t, "ended", err, errs.Unavailable)
	if _, err := s.Get(ctx, "kim"); errs.RetryAfterOf(err) <= 0 {
		t.Errorf("unavailable does not say when to try again: %v", err)
	}
}
