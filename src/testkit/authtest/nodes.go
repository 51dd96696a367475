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
	"chatlab/src/wait"
)

// NodeOpener opens one database again and again, as authd number node would, and
// closes it when the test ends.
type NodeOpener func(t *testing.T, node int) auth.Store

// How the services under test lock.
const (
	guesses    = 4
	idGuesses  = 20
	lockout    = 10 * time.Second
	lockoutMax = 40 * time.Second
	password   = "correct horse"
)

// nodes are several authd, and the clock that all have unless theirs goes wrong.
type nodes struct {
	each []*node
	open NodeOpener
	time atomic.Int64 // seconds since noon
}

// node is one authd. It counts what it asks of the database, which may be away.
type node struct {
	*auth.Service
	auth.Store
	writes   atomic.Int32
	noReads  atomic.Bool
	noWrites atomic.Bool
	noUsers  atomic.Bool
}

func startNodes(t *testing.T, open NodeOpener) *nodes {
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
	one := &node{Store: n.open(t, len(n.each))}
	limits := auth.DefaultLimits()
	limits.LoginFailures, limits.IDFailures, limits.Lockout, limits.LockoutMax = guesses, idGuesses, lockout, lockoutMax
	limits.FailuresPerMinute, limits.HashWait = 0, time.Minute
	svc, err := auth.New(auth.Deps{
		Store: one, Ring: token.NewRing([]byte(strings.Repeat("k", 32))), Events: events{},
		Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
	}, auth.Config{
		Password: auth.Password{MinLength: 8}, Limits: limits, Params: auth.Params{MemoryKiB: 64, Passes: 1, Lanes: 1},
		Now: func() time.Time { return noon.Add(time.Duration(n.time.Load()) * time.Second) },
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

// Ready is the store's and the service's: of no matter here.
func (o *node) Ready(ctx context.Context) error { return o.Store.Ready(ctx) }

// Delete and Ended are the store's.
func (o *node) Delete(ctx context.Context, id string, least time.Time) error {
	return o.Store.Delete(ctx, id, least)
}

func (o *node) Ended(ctx context.Context, since time.Time) (token.Ended, error) {
	return o.Store.Ended(ctx, since)
}

func (o *node) ChangePassword(ctx context.Context, id, hash string, least time.Time) (time.Time, error) {
	return o.Store.ChangePassword(ctx, id, hash, least)
}

func (o *node) Get(ctx context.Context, id string) (auth.User, error) {
	if o.noUsers.Load() {
		return auth.User{}, away()
	}
	return o.Store.Get(ctx, id)
}

func (o *node) Tries(ctx context.Context, id, network string) (auth.Tries, error) {
	if o.noReads.Load() {
		return auth.Tries{}, away()
	}
	return o.Store.Tries(ctx, id, network)
}

func (o *node) Fail(ctx context.Context, id, network string, now time.Time, window time.Duration) error {
	o.writes.Add(1)
	if o.noWrites.Load() {
		return away()
	}
	return o.Store.Fail(ctx, id, network, now, window)
}

func (o *node) Clear(ctx context.Context, id, network string, now time.Time, keep time.Duration) error {
	o.writes.Add(1)
	if o.noWrites.Load() {
		return away()
	}
	return o.Store.Clear(ctx, id, network, now, keep)
}

// Peers of the services: two networks.
const (
	here  = "192.0.2.1:5"
	there = "[2001:db8:1:2::7]:5"
)

func (o *node) signUp(t *testing.T, id string) {
	t.Helper()
	must(t, o.SignUp(t.Context(), here, id, password, "kim@example.org"))
}

func (o *node) wrong(t *testing.T, from, id string) errs.Code {
	t.Helper()
	_, err := o.Login(t.Context(), from, id, "wrong wrong")
	return errs.CodeOf(err)
}

// fails makes wrong guesses that are all checked.
func (o *node) fails(t *testing.T, from, id string, times int) {
	t.Helper()
	for range times {
		if got := o.wrong(t, from, id); got != errs.WrongCredentials {
			t.Fatalf("%s: a wrong guess gets %q", id, got)
		}
	}
}

func (o *node) signsIn(t *testing.T, from, id string) {
	t.Helper()
	_, err := o.Login(t.Context(), from, id, password)
	must(t, err)
}

// locked checks that nodes refuse the right password of a peer for so long.
func (n *nodes) locked(t *testing.T, from, id string, want time.Duration) {
	t.Helper()
	for i, one := range n.each {
		one.knowsFailures(t, id)
		_, err := one.Login(t.Context(), from, id, password)
		if !errs.Is(err, errs.RateLimited) || errs.RetryAfterOf(err) != want {
			t.Fatalf("%s at node %d: %v, retry after %s; want %s", id, i, err, errs.RetryAfterOf(err), want)
		}
	}
}

// knowsFailures waits until the database of a node has some failure of an id: the servers
// of a cluster copy a write a moment after it was made. From then on the store asks for
// the latest.
func (o *node) knowsFailures(t *testing.T, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	known := wait.Until(ctx, 10*time.Millisecond, func() bool {
		tries, err := o.Store.Tries(ctx, id, "")
		return err == nil && tries.Everywhere.Count > 0
	})
	if !known {
		t.Fatalf("the failures of %s did not arrive", id)
	}
}
