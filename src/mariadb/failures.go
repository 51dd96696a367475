package mariadb

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"chatlab/src/auth"
)

var _ auth.Failures = (*Store)(nil)

// forgetAtOnce bounds what one call removes: a large transaction holds a cluster
// up.
const forgetAtOnce = 1000

const selectFailed = `SELECT failures, last_at FROM failures WHERE id = ?`

// selectFailedOfAll waits as selectUserOfAll does.
const selectFailedOfAll = `SET STATEMENT wsrep_sync_wait = 1 FOR ` + selectFailed

// Failed returns what is kept of an id; see auth.Failures. An id that has failures
// is asked for again where there are several servers: a success may have ended them
// by another server a moment ago. One that has none is not, so that sign-ins go on
// while a cluster finds out that a member is gone.
func (s *Store) Failed(ctx context.Context, id string) (auth.Failed, error) {
	var f auth.Failed
	err := s.call(ctx, func(ctx context.Context, _ bool) (err error) {
		f, err = s.readFailed(ctx, selectFailed, id)
		if f.Count > 0 && s.conn.several() {
			f, err = s.readFailed(ctx, selectFailedOfAll, id)
		}
		return err
	})
	return f, auth.StoreAway(err)
}

func (s *Store) readFailed(ctx context.Context, question, id string) (f auth.Failed, err error) {
	err = s.db.QueryRowContext(ctx, question, id).Scan(&f.Count, &f.Last)
	if errors.Is(err, sql.ErrNoRows) {
		return auth.Failed{}, nil
	}
	return f, err
}

// SwapFailed replaces what is kept of an id; see auth.Failures. In a cluster too
// one of many does it: the others' servers see the conflict when they commit.
func (s *Store) SwapFailed(ctx context.Context, id string, was, is auth.Failed) (done bool, err error) {
	err = s.call(ctx, func(ctx context.Context, lost bool) (err error) {
		if done, err = s.swapFailed(ctx, id, was, is); err != nil || done || !lost {
			return err
		}
		// A server that was lost may have done it: the time tells it from others'.
		now, err := s.readFailed(ctx, selectFailed, id)
		done = now.Count == is.Count && now.Last.Equal(is.Last)
		return err
	})
	return done, auth.StoreAway(err)
}

func (s *Store) swapFailed(ctx context.Context, id string, was, is auth.Failed) (bool, error) {
	var res sql.Result
	var err error
	switch {
	case was.Count == 0:
		res, err = s.db.ExecContext(ctx, `INSERT INTO failures (id, failures, last_at) VALUES (?, ?, ?)`, id, is.Count, is.Last)
		if isDuplicate(err) {
			return false, nil
		}
	case is.Count == 0:
		res, err = s.db.ExecContext(ctx, `DELETE FROM failures WHERE id = ? AND failures = ? AND last_at = ?`, id, was.Count, was.Last)
	default:
		res, err = s.db.ExecContext(ctx, `UPDATE failures SET failures = ?, last_at = ? WHERE id = ? AND failures = ? AND last_at = ?`,
			is.Count, is.Last, id, was.Count, was.Last)
	}
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// ForgetFailed removes the oldest failures; see auth.Failures.
func (s *Store) ForgetFailed(ctx context.Context, before time.Time) (more bool, err error) {
	err = s.call(ctx, func(ctx context.Context, _ bool) error {
		res, err := s.db.ExecContext(ctx, `DELETE FROM failures WHERE last_at < ? ORDER BY last_at LIMIT ?`, before.UTC(), forgetAtOnce)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		more = n == forgetAtOnce
		return err
	})
	return more, auth.StoreAway(err)
}
