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
	file fs.FileInfo
}

var _ auth.Store = (*Store)(nil)

// Open opens the file, which is made (0600) if it is not there, and brings its
// schema up to date. Fails with code unavailable.
func Open(ctx context.Context, path string) (*Store, error) {
	file, err := create(path)
	if err != nil {
		return nil, errs.Wrap(err, errs.Unavailable, "database file").WithFix("make its folder writable, or set database.path")
	}
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		return nil, auth.StoreAway(err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	if err := check(ctx, db); err != nil {
		_ = db.Close()
		return nil, errs.Wrap(err, errs.Unavailable, "database file %s", path).
			WithFix("put a copy of it back, or move it away and begin without its users")
	}
	if err := migrate(ctx, db, path); err != nil {
		_ = db.Close()
		return nil, errs.Wrap(err, errs.Unavailable, "database schema")
	}
	return &Store{db: db, path: path, file: file}, nil
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
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)"},
		"_txlock": {"immediate"},
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: pragmas.Encode()}).String()
}

// Create adds a user; see auth.Store.
func (s *Store) Create(ctx context.Context, u auth.User) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_, err := s.db.ExecContext(ctx, `INSERT INTO users (id, passwd, email, created_at) VALUES (?, ?, ?, ?)`,
		u.ID, u.Hash, u.Email, u.CreatedAt.UTC().Format(time.RFC3339Nano))
	var fault *driver.Error
	if errors.As(err, &fault) && fault.Code() == lib.SQLITE_CONSTRAINT_PRIMARYKEY {
		return errs.Wrap(err, errs.IDTaken, "the id is taken")
	}
	return auth.StoreAway(err)
}

// Get returns a user; see auth.Store.
func (s *Store) Get(ctx context.Context, id string) (auth.User, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var u auth.User
	var at string
	err := s.db.QueryRowContext(ctx, `SELECT id, passwd, email, created_at FROM users WHERE id = ?`, id).
		Scan(&u.ID, &u.Hash, &u.Email, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return auth.User{}, auth.NoUser()
	}
	if err != nil {
		return auth.User{}, auth.StoreAway(err)
	}
	if u.CreatedAt, err = time.ParseInLocation(time.RFC3339Nano, at, time.UTC); err != nil {
		return auth.User{}, errs.Wrap(err, errs.Internal, "created_at of a user")
	}
	return u, nil
}

// UpdatePassword replaces a hash; see auth.Store.
func (s *Store) UpdatePassword(ctx context.Context, id, hash string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	res, err := s.db.ExecContext(ctx, `UPDATE users SET passwd = ? WHERE id = ?`, hash, id)
	if err != nil {
		return auth.StoreAway(err)
	}
	if n, err := res.RowsAffected(); err == nil && n == 0 {
		return auth.NoUser()
	}
	return nil
}

// Ping reads the table, and looks that the file is still the one that was
// opened: SQLite itself would go on with a file that was removed.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var n int
	if err := s.db.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT 1 FROM users LIMIT 1)`).Scan(&n); err != nil {
		return auth.StoreAway(err)
	}
	now, err := os.Stat(s.path)
	if err != nil {
		return auth.StoreAway(err)
	}
	if !os.SameFile(now, s.file) {
		return errs.E(errs.Unavailable, "the database file was replaced").WithFix("restart authd")
	}
	return nil
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }
