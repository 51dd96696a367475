package main

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"chatlab/src/auth"
	"chatlab/src/errs"
	"chatlab/src/wait"
)

// Waits between attempts to open the database.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// opener opens the database.
var errNotOpen = errors.New("it has not been opened yet")

type opener func(context.Context) (auth.Store, error)

// lateStore is an auth.Store whose database may come after the daemon: until
// then every call fails with code unavailable.
type lateStore struct {
	open opener
	log  *slog.Logger
	real atomic.Pointer[auth.Store]
}

// run opens the database, again and again until it is there or ctx ends, and
// closes it when rest ends. A configuration that no wait can mend is an error.
func (s *lateStore) run(ctx, rest context.Context) error {
	for pause := (wait.Backoff{First: firstRetry, Last: lastRetry}); ; {
		store, err := s.open(ctx)
		if err == nil {
			s.real.Store(&store)
			s.log.Info("database is open")
			<-rest.Done()
			return store.Close()
		}
		if errs.Is(err, errs.Usage) {
			return err
		}
		next := pause.Next()
		if ctx.Err() == nil {
			s.log.Warn("database is away", "err", err, "fix", errs.FixOf(err), "retry", next)
		}
		if !wait.Sleep(ctx, next) {
			return nil
		}
	}
}

func (s *lateStore) now() (auth.Store, error) {
	if store := s.real.Load(); store != nil {
		return *store, nil
	}
	return nil, auth.StoreAway(errNotOpen)
}

// Create, Get, UpdatePassword and Ping: see auth.Store.

func (s *lateStore) Create(ctx context.Context, u auth.User) error {
	store, err := s.now()
	if err != nil {
		return err
	}
	return store.Create(ctx, u)
}

func (s *lateStore) Get(ctx context.Context, id string) (auth.User, error) {
	store, err := s.now()
	if err != nil {
		return auth.User{}, err
	}
	return store.Get(ctx, id)
}

func (s *lateStore) UpdatePassword(ctx context.Context, id, hash string) error {
	store, err := s.now()
	if err != nil {
		return err
	}
	return store.UpdatePassword(ctx, id, hash)
}

func (s *lateStore) Ping(ctx context.Context) error {
	store, err := s.now()
	if err != nil {
		return err
	}
	return store.Ping(ctx)
}

// Close does nothing: run closes what it opened.
func (s *lateStore) Close() error { return nil }
