package mariadb

import (
	"context"
	"database/sql"
	"time"

	"chatlab/src/auth"
	"chatlab/src/errs"
	"chatlab/src/token"
)

// end ends the tokens of an id, by the clock of the server.
func end(ctx context.Context, tx *sql.Tx, id string, least time.Time) (time.Time, error) {
	_, err := tx.ExecContext(ctx, `INSERT INTO ended (id, tokens_from)
		VALUES (?, GREATEST(UNIX_TIMESTAMP() + 1, LEAST(?, UNIX_TIMESTAMP() + 1 + ?)))
		ON DUPLICATE KEY UPDATE tokens_from = GREATEST(tokens_from, VALUES(tokens_from))`,
		id, least.Unix(), int64(auth.MaxSkew/time.Second))
	if err != nil {
		return time.Time{}, err
	}
	var from int64
	err = tx.QueryRowContext(ctx, `SELECT tokens_from FROM ended WHERE id = ?`, id).Scan(&from)
	return time.Unix(from, 0), err
}

// EndTokens ends the tokens of an id; see auth.Store.
func (s *Store) EndTokens(ctx context.Context, id string, least time.Time) (from time.Time, err error) {
	err = s.change(ctx, func(ctx context.Context, tx *sql.Tx, _ bool) (err error) {
		from, err = end(ctx, tx, id, least)
		return err
	})
	return from, err
}

// ChangePassword replaces a hash and ends the user's tokens; see auth.Store.
func (s *Store) ChangePassword(ctx context.Context, id, hash string, least time.Time) (from time.Time, err error) {
	err = s.change(ctx, func(ctx context.Context, tx *sql.Tx, _ bool) (err error) {
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
	return s.change(ctx, func(ctx context.Context, tx *sql.Tx, lost bool) error {
		err := one(tx.ExecContext(ctx, `DELETE FROM users WHERE id = ?`, id))
		if err != nil && !(lost && errs.Is(err, errs.NotFound)) { // a server that was lost had done it
			return err
		}
		_, err = end(ctx, tx, id, least)
		return err
	})
}

// Ended returns the ids whose tokens ended after a time; see auth.Store.
func (s *Store) Ended(ctx context.Context, since time.Time) (token.Ended, error) {
	ended := token.Ended{}
	err := s.call(ctx, func(ctx context.Context, _ bool) error {
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
	return ended, away(err)
}
