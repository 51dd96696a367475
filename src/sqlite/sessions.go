package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"chatlab/src/auth"
	"chatlab/src/token"
)

// forgetAtOnce bounds what one call removes.
const forgetAtOnce = 1000

// keepEnded is how long it is kept that tokens ended: long after they have expired.
const keepEnded = 24 * time.Hour

// endTokens returns the row that it wrote.
const endTokens = `INSERT INTO ended (id, tokens_from) VALUES (?1, max(unixepoch() + 1, min(?2, unixepoch() + 1 + ?3)))
	ON CONFLICT (id) DO UPDATE SET tokens_from = max(tokens_from, excluded.tokens_from) RETURNING tokens_from`

func end(ctx context.Context, tx *sql.Tx, id string, least time.Time) (time.Time, error) {
	var from int64
	err := tx.QueryRowContext(ctx, endTokens, id, least.Unix(), int64(auth.MaxSkew/time.Second)).Scan(&from)
	return time.Unix(from, 0), err
}

// EndTokens ends the tokens of an id; see auth.Store.
func (s *Store) EndTokens(ctx context.Context, id string, least time.Time) (from time.Time, err error) {
	err = s.change(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		from, err = end(ctx, tx, id, least)
		return err
	})
	return from, err
}

// ChangePassword replaces a hash and ends the user's tokens; see auth.Store.
func (s *Store) ChangePassword(ctx context.Context, id, hash string, least time.Time) (from time.Time, err error) {
	err = s.change(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		if err := one(tx.ExecContext(ctx, `UPDATE users SET passwd = ? WHERE id = ?`, hash, id)); err != nil {
			return err
		}
		from, err = end(ctx, tx, id, least)
		return err
	})
	return from, err
}

// Delete removes a user and ends the id's tokens; see auth.Store.
func (s *Store) Delete(ctx context.Context, id string, least time.Time) error {
	return s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := one(tx.ExecContext(ctx, `DELETE FROM users WHERE id = ?`, id)); err != nil {
			return err
		}
		_, err := end(ctx, tx, id, least)
		return err
	})
}

// Ended returns the ids whose tokens ended after a time; see auth.Store.
func (s *Store) Ended(ctx context.Context, since time.Time) (token.Ended, error) {
	ended := token.Ended{}
	err := s.call(ctx, func(ctx context.Context) error {
		rows, err := s.db.QueryContext(ctx, `SELECT id, tokens_from FROM ended WHERE tokens_from > ?`, since.Unix())
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var id string
			var from int64
			if err := rows.Scan(&id, &from); err != nil {
				return err
			}
			ended.Add(id, time.Unix(from, 0))
		}
		return rows.Err()
	})
	return ended, err
}

// Tries returns the counts of an id and a network; see auth.Store.
func (s *Store) Tries(ctx context.Context, id, network string) (t auth.Tries, err error) {
	err = s.call(ctx, func(ctx context.Context) error {
		for _, row := range []struct {
			network string
			failed  *auth.Failed
		}{{"", &t.Everywhere}, {network, &t.Here}} {
			var last, signedIn int64
			err := s.db.QueryRowContext(ctx, `SELECT failures, last_at, signed_in FROM failures WHERE id = ? AND network = ?`, id, row.network).
				Scan(&row.failed.Count, &last, &signedIn)
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err != nil {
				return err
			}
			row.failed.Last, t.SignedIn = time.UnixMicro(last).UTC(), time.UnixMicro(signedIn).UTC()
		}
		return nil
	})
	return t, err
}

// Fail counts a wrong password; see auth.Store.
func (s *Store) Fail(ctx context.Context, id, network string, now time.Time, window time.Duration) error {
	return s.call(ctx, func(ctx context.Context) error {
		_, err := s.db.ExecContext(ctx, `INSERT INTO failures (id, network, failures, last_at, keep_until)
			VALUES (?1, '', 1, ?3, ?3 + ?4), (?1, ?2, 1, ?3, ?3 + ?4) ON CONFLICT DO UPDATE SET
			failures = iif(abs(last_at - ?3) < ?4, failures + 1, 1),
			last_at = iif(abs(last_at - ?3) < ?4, max(last_at, ?3), ?3),
			keep_until = max(keep_until, ?3 + ?4)`, id, network, now.UnixMicro(), window.Microseconds())
		return err
	})
}

// Clear forgets the failures of a network; see auth.Store.
func (s *Store) Clear(ctx context.Context, id, network string, now time.Time, keep time.Duration) error {
	return s.call(ctx, func(ctx context.Context) error {
		_, err := s.db.ExecContext(ctx, `INSERT INTO failures (id, network, failures, last_at, signed_in, keep_until)
			VALUES (?1, ?2, 0, ?3, ?3, ?3 + ?4) ON CONFLICT DO UPDATE SET failures = 0, signed_in = ?3, keep_until = ?3 + ?4`,
			id, network, now.UnixMicro(), keep.Microseconds())
		return err
	})
}

// Forget removes counts that have expired; see auth.Store.
func (s *Store) Forget(ctx context.Context, now time.Time) (more bool, err error) {
	err = s.call(ctx, func(ctx context.Context) error {
		res, err := s.db.ExecContext(ctx, `DELETE FROM failures WHERE (id, network) IN
			(SELECT id, network FROM failures WHERE keep_until < ? LIMIT ?)`, now.UnixMicro(), forgetAtOnce)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return err
		}
		more = n == forgetAtOnce
		_, err = s.db.ExecContext(ctx, `DELETE FROM ended WHERE tokens_from < ?`, now.Add(-keepEnded).Unix())
		return err
	})
	return more, err
}
