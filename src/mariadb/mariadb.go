// Package mariadb keeps users in a MariaDB server.
package mariadb

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"chatlab/src/auth"
	"chatlab/src/errs"
)

const (
	// timeout bounds each call, connecting included.
	timeout = 5 * time.Second
	// connections is how many the pool opens at most: a call takes well under a
	// millisecond of one.
	connections = 16
	// lifetime makes a pool return to the first address after a failover.
	lifetime = 3 * time.Minute
	// duplicate is ER_DUP_ENTRY.
	duplicate = 1062
)

// Config says where the database is.
type Config struct {
	Addresses    []string // host:port or the path of a unix socket, tried in order
	Name         string   // of the database, which exists
	User         string
	PasswordFile string // passwords, one a line, tried in order; followed live; "": none
}

// Store is an auth.Store in a MariaDB server.
type Store struct {
	db *sql.DB
}

var _ auth.Store = (*Store)(nil)

// Open connects, and brings the schema up to date. Fails with code usage when
// the configuration cannot be used, and with unavailable when no server can.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	conn, err := newConnector(cfg, timeout)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(conn)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxLifetime(lifetime)
	s := &Store{db: db}
	if err := s.Ping(ctx); err != nil {
		_ = db.Close()
		return nil, err
	}
	if err := migrate(ctx, cfg); err != nil {
		_ = db.Close()
		return nil, errs.Wrap(err, errs.Unavailable, "database schema")
	}
	return s, nil
}

// passwords returns the lines of a file: the password, and while it is being
// rotated those that the server may know instead.
func passwords(file string) ([]string, error) {
	if file == "" {
		return []string{""}, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, errs.E(errs.Usage, "database password: %w", err).WithFix("set database.password_file")
	}
	return strings.Split(strings.ReplaceAll(strings.TrimRight(string(text), "\r\n"), "\r\n", "\n"), "\n"), nil
}

// Create adds a user; see auth.Store.
func (s *Store) Create(ctx context.Context, u auth.User) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_, err := s.db.ExecContext(ctx, `INSERT INTO users (id, passwd, email, created_at) VALUES (?, ?, ?, ?)`,
		u.ID, u.Hash, u.Email, u.CreatedAt.UTC())
	var fault *mysql.MySQLError
	if errors.As(err, &fault) && fault.Number == duplicate {
		return errs.Wrap(err, errs.IDTaken, "the id is taken")
	}
	return away(err)
}

// Get returns a user; see auth.Store.
func (s *Store) Get(ctx context.Context, id string) (auth.User, error) {
	if auth.CheckID(id) != nil { // the server would compare it in another character set
		return auth.User{}, notFound()
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var u auth.User
	err := s.db.QueryRowContext(ctx, `SELECT id, passwd, email, created_at FROM users WHERE id = ?`, id).
		Scan(&u.ID, &u.Hash, &u.Email, &u.CreatedAt)
	if errors.Is(err, sql.ErrNoRows) {
		return auth.User{}, notFound()
	}
	return u, away(err)
}

// UpdatePassword replaces a hash; see auth.Store.
func (s *Store) UpdatePassword(ctx context.Context, id, hash string) error {
	if auth.CheckID(id) != nil {
		return notFound()
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	res, err := s.db.ExecContext(ctx, `UPDATE users SET passwd = ? WHERE id = ?`, hash, id)
	if err != nil {
		return away(err)
	}
	if n, err := res.RowsAffected(); err == nil && n == 0 {
		return notFound()
	}
	return nil
}

// Ping asks the server for the table; see auth.Store.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return away(s.db.PingContext(ctx))
}

// Close closes the connections.
func (s *Store) Close() error { return s.db.Close() }

func notFound() error { return errs.E(errs.NotFound, "there is no user with this id") }

func away(err error) error {
	if err == nil {
		return nil
	}
	return errs.Wrap(err, errs.Unavailable, "the database is away").WithRetry(2 * time.Second)
}
