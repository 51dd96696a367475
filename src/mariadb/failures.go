package mariadb

import (
	"context"
	"database/sql"
	"time"

	"chatlab/src/auth"
)

// forgetAtOnce bounds what one call removes: a large transaction holds a cluster
// up.
const forgetAtOnce = 1000

const selectTries = `SELECT network, failures, last_at, signed_in FROM failures WHERE id = ? AND network IN ('', ?)`

// Tries returns the counts of an id and a network; see auth.Store. An id that has
// failures is asked for again where there are several servers: a success may have ended
// them by another server a moment ago. One that has none is not, so that sign-ins go on
// while a cluster finds out that a member is gone.
func (s *Store) Tries(ctx context.Context, id, network string) (t auth.Tries, err error) {
	err = s.call(ctx, func(ctx context.Context, _ bool) (err error) {
		t, err = s.readTries(ctx, selectTries, id, network)
		if err == nil && t.Here.Count+t.Everywhere.Count > 0 && s.conn.several() {
			t, err = s.readTries(ctx, ofAll+selectTries, id, network)
		}
		return err
	})
	return t, away(err)
}

func (s *Store) readTries(ctx context.Context, question, id, network string) (t auth.Tries, err error) {
	rows, err := s.db.QueryContext(ctx, question, id, network)
	if err != nil {
		return t, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var of string
		var f auth.Failed
		var signedIn time.Time
		if err := rows.Scan(&of, &f.Count, &f.Last, &signedIn); err != nil {
			return t, err
		}
		if of == "" {
			t.Everywhere = f
		} else {
			t.Here, t.SignedIn = f, signedIn
		}
	}
	return t, rows.Err()
}

// Fail counts a wrong password; see auth.Store. When a server is lost in the middle,
// the password may count twice.
func (s *Store) Fail(ctx context.Context, id, network string, now time.Time, window time.Duration) error {
	from, to := now.Add(-window), now.Add(window)
	return away(s.call(ctx, func(ctx context.Context, _ bool) error {
		_, err := s.db.ExecContext(ctx, `INSERT INTO failures (id, network, failures, last_at, keep_until)
			VALUES (?, '', 1, ?, ?), (?, ?, 1, ?, ?) ON DUPLICATE KEY UPDATE
			failures = IF(last_at > ? AND last_at < ?, failures + 1, 1),
			last_at = IF(last_at > ? AND last_at < ?, GREATEST(last_at, VALUES(last_at)), VALUES(last_at)),
			keep_until = GREATEST(keep_until, VALUES(keep_until))`,
			id, now, to, id, network, now, to, from, to, from, to)
		return err
	}))
}

// Clear forgets the failures of a network; see auth.Store.
func (s *Store) Clear(ctx context.Context, id, network string, now time.Time, keep time.Duration) error {
	return away(s.call(ctx, func(ctx context.Context, _ bool) error {
		_, err := s.db.ExecContext(ctx, `INSERT INTO failures (id, network, failures, last_at, signed_in, keep_until)
			VALUES (?, ?, 0, ?, ?, ?) ON DUPLICATE KEY UPDATE failures = 0, signed_in = VALUES(signed_in), keep_until = VALUES(keep_until)`,
			id, network, now, now, now.Add(keep))
		return err
	}))
}

// keepEnded is how long it is kept that tokens ended: long after they have expired.
const keepEnded = 24 * time.Hour

// Forget removes counts that have expired; see auth.Store.
func (s *Store) Forget(ctx context.Context, now time.Time) (more bool, err error) {
	for _, each := range []struct {
		statement string
		before    any
	}{
		{`DELETE FROM failures WHERE keep_until < ? ORDER BY keep_until LIMIT ?`, now.UTC()},
		{`DELETE FROM ended WHERE tokens_from < ? ORDER BY tokens_from LIMIT ?`, now.Add(-keepEnded).Unix()},
	} {
		err := s.call(ctx, func(ctx context.Context, _ bool) error {
			res, err := s.db.ExecContext(ctx, each.statement, each.before, forgetAtOnce)
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			more = more || n == forgetAtOnce
			return err
		})
		if err != nil {
			return false, away(err)
		}
	}
	return more, nil
}

// change runs f in a transaction, as call does. A transaction whose server was lost
// when it was committed is run again: f must not mind.
func (s *Store) change(ctx context.Context, f func(ctx context.Context, tx *sql.Tx, lost bool) error) error {
	return away(s.call(ctx, func(ctx context.Context, lost bool) error {
		tx, err := s.db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // after Commit it does nothing
		if err := f(ctx, tx, lost); err != nil {
			return err
		}
		return tx.Commit()
	}))
}
