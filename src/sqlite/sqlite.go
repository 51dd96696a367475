// Package sqlite keeps users in a SQLite file: the embedded database of a lab
// on one machine. The file is in WAL mode and each commit is synced, so that
// an answered sign-up outlives a power cut; several processes may share it.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"chatlab/src/auth"
	"chatlab/src/errs"
)

// timeout bounds each call; it is longer than the wait for another writer.
const timeout = 10 * time.Second

// connections lets readers go on while one writes.
const connections = 4

// Store is an auth.Store in a file.
type Store struct {
	db   *sql.DB
	path string
	file atomic.Value // fs.FileInfo of the file that was migrated
}

var _ auth.Store = (*Store)(nil)

// Open prepares the database in a file, which Migrate makes. Fails with code usage.
func Open(path string) (*Store, error) {
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		return nil, errs.E(errs.Usage, "database.path %s: %w", path, err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return &Store{db: db, path: path}, nil
}

// Migrate makes the file (0600) if it is not there, and brings its schema up to date;
// see auth.Store.
func (s *Store) Migrate(ctx context.Context) error {
	file, err := create(s.path)
	if err != nil {
		return errs.Wrap(err, errs.Unavailable, "database file").WithFix("make its folder writable, or set database.path")
	}
	if err := check(ctx, s.db); err != nil {
		return errs.Wrap(err, errs.Unavailable, "database file %s", s.path).
			WithFix("put a copy of it back, or move it away and begin without its users")
	}
	if err := migrate(ctx, s.db, s.path); err != nil {
		if errs.Is(err, errs.Usage) {
			return err
		}
		return errs.Wrap(err, errs.Unavailable, "database schema")
	}
	s.file.Store(file)
	return nil
}

// check fails with the first fault that SQLite finds in the file: a damaged page shows
// only when a query meets it.
func check(ctx context.Context, db *sql.DB) error {
	var found string
	if err := db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&found); err != nil {
		return err
	}
	if found != "ok" {
		return errs.E(errs.Unavailable, "it is damaged: %s", found)
	}
	return nil
}

// create makes the file before SQLite would, with its own permissions. A file
// that is there is not opened: closing it would drop this process's locks on it
// (https://www.sqlite.org/howtocorrupt.html, 2.2).
func create(path string) (fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.Stat(path)
}

func dsn(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	pragmas := url.Values{
		"mode":    {"rw"}, // only Migrate makes the file
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)"},
		"_txlock": {"immediate"},
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: pragmas.Encode()}).String()
}

// call runs f within the time of a call. An error without a code is the database's.
func (s *Store) call(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return away(f(ctx))
}

// change is call in a transaction.
func (s *Store) change(ctx context.Context, f func(context.Context, *sql.Tx) error) error {
	return s.call(ctx, func(ctx context.Context) error {
		tx, err := s.db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // after Commit it does nothing
		if err := f(ctx, tx); err != nil {
			return err
		}
		return tx.Commit()
	})
}

// away gives an error of the database its code and words.
func away(err error) error {
	var known *errs.Error
	var fault *driver.Error
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.As(err, &fault) && fault.Code()&0xff == lib.SQLITE_READONLY:
		return auth.StoreAway(err, "the database is read-only")
	case errors.As(err, &fault) && fault.Code()&0xff == lib.SQLITE_FULL:
		return auth.StoreAway(err, "the database's disk is full")
	}
	return auth.StoreAway(err, "the database is away")
}

// Create adds a user; see auth.Store.
func (s *Store) Create(ctx context.Context, u auth.User) error {
	return s.call(ctx, func(ctx context.Context) error {
		_, err := s.db.ExecContext(ctx, `INSERT INTO users (id, passwd, email, created_at) VALUES (?, ?, ?, ?)`,
			u.ID, u.Hash, u.Email, u.CreatedAt.UTC().Format(time.RFC3339Nano))
		var fault *driver.Error
		if errors.As(err, &fault) && fault.Code() == lib.SQLITE_CONSTRAINT_PRIMARYKEY {
			return errs.Wrap(err, errs.IDTaken, "the id is taken")
		}
		return err
	})
}

// Get returns a user; see auth.Store.
func (s *Store) Get(ctx context.Context, id string) (u auth.User, err error) {
	err = s.call(ctx, func(ctx context.Context) error {
		var at string
		var from sql.NullInt64
		err := s.db.QueryRowContext(ctx, `SELECT u.id, u.passwd, u.email, u.created_at, e.tokens_from
			FROM users u LEFT JOIN ended e ON e.id = u.id WHERE u.id = ?`, id).Scan(&u.ID, &u.Hash, &u.Email, &at, &from)
		if errors.Is(err, sql.ErrNoRows) {
			return auth.NoUser()
		}
		if err != nil {
			return err
		}
		if from.Valid {
			u.TokensFrom = time.Unix(from.Int64, 0)
		}
		if u.CreatedAt, err = time.ParseInLocation(time.RFC3339Nano, at, time.UTC); err != nil {
			return errs.Wrap(err, errs.Internal, "created_at of a user")
		}
		return nil
	})
	return u, err
}

// GetLatest is Get; see auth.Store.
func (s *Store) GetLatest(ctx context.Context, id string) (auth.User, error) { return s.Get(ctx, id) }

// UpdatePassword replaces a hash; see auth.Store.
func (s *Store) UpdatePassword(ctx context.Context, id, hash string) error {
	return s.call(ctx, func(ctx context.Context) error {
		return one(s.db.ExecContext(ctx, `UPDATE users SET passwd = ? WHERE id = ?`, hash, id))
	})
}

// one wants a statement to have found its user.
func one(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return auth.NoUser()
}

// Ready tries a write, and looks that the file is still the one that was migrated:
// SQLite itself would go on with a file that was removed.
func (s *Store) Ready(ctx context.Context) error {
	opened, ok := s.file.Load().(fs.FileInfo)
	if !ok {
		return auth.StoreAway(nil, "the database is not open yet")
	}
	err := s.call(ctx, func(ctx context.Context) error {
		tx, err := s.db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		_, err = tx.ExecContext(ctx, `INSERT INTO ended (id, tokens_from) VALUES (' ready', 0)`)
		return err
	})
	if err != nil {
		return err
	}
	now, err := os.Stat(s.path)
	if err != nil {
		return away(err)
	}
	if !os.SameFile(now, opened) {
		return errs.E(errs.Unavailable, "the database file was replaced").WithFix("restart authd")
	}
	return nil
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }
