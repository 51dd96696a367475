package authtest

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/auth"
	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/token"
)

// Shared is the database of several authd.
type Shared interface {
	auth.Store
	auth.Failures
	auth.Grants
}

// SharedOpener opens one database again and again, as authd number node would, and
// closes it when the test ends.
type SharedOpener func(t *testing.T, node int) Shared

// How the services under test lock.
const (
	guesses    = 4
	lockout    = 10 * time.Second
	lockoutMax = 40 * time.Second
	password   = "correct horse"
)

// nodes are several authd, and the clock that all have unless theirs goes wrong.
type nodes struct {
	each []*node
	open SharedOpener
	time atomic.Int64 // seconds since noon
}

// node is one authd. It counts what it asks of the database, which may be away.
type node struct {
	*auth.Service
	Shared
	ahead         time.Duration
	reads, writes atomic.Int32
	exchanges     atomic.Int32
	noReads       atomic.Bool
	noWrites      atomic.Bool
	noUsers       atomic.Bool
}

func startNodes(t *testing.T, open SharedOpener) *nodes {
	t.Helper()
	n := &nodes{open: open}
	for range 3 {
		n.start(t)
	}
	return n
}

// start adds an authd.
func (n *nodes) start(t *testing.T) *node {
	t.Helper()
	one := &node{Shared: n.open(t, len(n.each))}
	limits := auth.DefaultLimits()
	limits.LoginFailures, limits.Lockout, limits.LockoutMax = guesses, lockout, lockoutMax
	svc, err := auth.New(auth.Deps{
		Store: one, Failures: one, Grants: one, Ring: token.NewRing([]byte(strings.Repeat("k", 32))), Events: events{},
		Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
	}, auth.Config{
		MinPassword: 8, Limits: limits, Params: auth.Params{MemoryKiB: 64, Passes: 1, Lanes: 1},
		Now: func() time.Time { return noon.Add(time.Duration(n.time.Load())*time.Second + one.ahead) },
	})
	must(t, err)
	one.Service = svc
	n.each = append(n.each, one)
	return one
}

func (n *nodes) pass(d time.Duration) { n.time.Add(int64(d / time.Second)) }

// events takes all.
type events struct{}

func (events) Emit(context.Context, ...event.Event) error { return nil }
func (events) Ready() error                               { return nil }

func away() error { return errs.E(errs.Unavailable, "away").WithRetry(time.Second) }

func (o *node) Get(ctx context.Context, id string) (auth.User, error) {
	if o.noUsers.Load() {
		return auth.User{}, away()
	}
	return o.Shared.Get(ctx, id)
}

func (o *node) Failed(ctx context.Context, id string) (auth.Failed, error) {
	o.reads.Add(1)
	if o.noReads.Load() {
		return auth.Failed{}, away()
	}
	return o.Shared.Failed(ctx, id)
}

func (o *node) SwapFailed(ctx context.Context, id string, was, is auth.Failed) (bool, error) {
	o.writes.Add(1)
	if o.noWrites.Load() {
		return false, away()
	}
	return o.Shared.SwapFailed(ctx, id, was, is)
}

func (o *node) signUp(t *testing.T, id string) {
	t.Helper()
	must(t, o.SignUp(t.Context(), id, password, "kim@example.org"))
}

func (o *node) wrong(t *testing.T, id string) errs.Code {
	t.Helper()
	_, err := o.Login(t.Context(), id, "wrong wrong")
	return errs.CodeOf(err)
}

// fails makes wrong guesses that are all checked.
func (o *node) fails(t *testing.T, id string, times int) {
	t.Helper()
	for range times {
		if got := o.wrong(t, id); got != errs.WrongCredentials {
			t.Fatalf("%s: a wrong guess gets %q", id, got)
		}
	}
}

func (o *node) signsIn(t *testing.T, id string) {
	t.Helper()
	_, err := o.Login(t.Context(), id, password)
	must(t, err)
}

// locked checks that nodes refuse the right password for so long.
func (n *nodes) locked(t *testing.T, id string, want time.Duration) {
	t.Helper()
	for i, one := range n.each {
		_, err := one.Login(t.Context(), id, password)
		if !errs.Is(err, errs.RateLimited) || errs.RetryAfterOf(err) != want {
			t.Fatalf("%s at node %d: %v, retry after %s; want %s", id, i, err, errs.RetryAfterOf(err), want)
		}
	}
}
