package main

import (
	"context"
	"time"

	"chatlab/src/auth"
	"chatlab/src/errs"
)

// shared is what several authd have in one database, beside the users.
type shared interface {
	auth.Failures
	auth.Grants
}

var _ shared = (*lateStore)(nil)

func (s *lateStore) nowShared() (shared, error) {
	store, err := s.now()
	if err != nil {
		return nil, err
	}
	all, ok := store.(shared)
	if !ok {
		return nil, errs.E(errs.Internal, "%T is not shared with other authd", store)
	}
	return all, nil
}

// Failed, SwapFailed and ForgetFailed: see auth.Failures.

func (s *lateStore) Failed(ctx context.Context, id string) (auth.Failed, error) {
	store, err := s.nowShared()
	if err != nil {
		return auth.Failed{}, err
	}
	return store.Failed(ctx, id)
}

func (s *lateStore) SwapFailed(ctx context.Context, id string, was, is auth.Failed) (bool, error) {
	store, err := s.nowShared()
	if err != nil {
		return false, err
	}
	return store.SwapFailed(ctx, id, was, is)
}

func (s *lateStore) ForgetFailed(ctx context.Context, before time.Time) (bool, error) {
	store, err := s.nowShared()
	if err != nil {
		return false, err
	}
	return store.ForgetFailed(ctx, before)
}

// ExchangeGrants: see auth.Grants.
func (s *lateStore) ExchangeGrants(ctx context.Context, node string, mine []auth.Grant, now time.Time) ([]auth.Grant, error) {
	store, err := s.nowShared()
	if err != nil {
		return nil, err
	}
	return store.ExchangeGrants(ctx, node, mine, now)
}
