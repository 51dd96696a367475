// Package mariadb keeps users in a MariaDB server.
package mariadb

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"strings"
	"time"

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

// Store is an auth.Store in a MariaDB server, or in one of several that are a
// Galera cluster.
type Store struct {
	db    *sql.DB
	conn  *connector
	close func() // ends what looks after the servers
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
	s := &Store{db: db, conn: conn}
	if err := s.Ping(ctx); err != nil {
		_ = db.Close()
		return nil, err
	}
	if err := migrate(ctx, cfg); err != nil {
		_ = db.Close()
		return nil, errs.Wrap(err, errs.Unavailable, "database schema")
	}
	s.lookAfter()
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
	err := s.call(ctx, func(ctx context.Context, lost bool) error {
		_, err := s.db.ExecContext(ctx, `INSERT INTO users (id, passwd, email, created_at) VALUES (?, ?, ?, ?)`,
			u.ID, u.Hash, u.Email, u.CreatedAt.UTC())
		if isDuplicate(err) && lost && s.holds(ctx, u) {
			return nil // a server that was lost had done it
		}
		return err
	})
	if isDuplicate(err) {
		return errs.Wrap(err, errs.IDTaken, "the id is taken")
	}
	return auth.StoreAway(err)
}

func isDuplicate(err error) bool { return is(err, duplicate) }

// holds tells whether the user is there with this very hash, whose salt is no
// other's.
func (s *Store) holds(ctx context.Context, u auth.User) bool {
	got, err := s.read(ctx, selectUser, u.ID)
	return err == nil && got.Hash == u.Hash
}

const selectUser = `SELECT id, passwd, email, created_at FROM users WHERE id = ?`

// selectUserOfAll waits until the server has what any server of the cluster had
// committed before.
const selectUserOfAll = `SET STATEMENT wsrep_sync_wait = 1 FOR ` + selectUser

func (s *Store) read(ctx context.Context, question, id string) (u auth.User, err error) {
	err = s.db.QueryRowContext(ctx, question, id).Scan(&u.ID, &u.Hash, &u.Email, &u.CreatedAt)
	return u, err
}

// Get returns a user; see auth.Store. One who is not there may have signed up by
// another server a moment ago.
func (s *Store) Get(ctx context.Context, id string) (auth.User, error) {
	if auth.CheckID(id) != nil { // the server would compare it in another character set
		return auth.User{}, auth.NoUser()
	}
	var u auth.User
	err := s.call(ctx, func(ctx context.Context, _ bool) (err error) {
		u, err = s.read(ctx, selectUser, id)
		if errors.Is(err, sql.ErrNoRows) && s.conn.several() {
			u, err = s.read(ctx, selectUserOfAll, id)
		}
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return auth.User{}, auth.NoUser()
	}
	return u, auth.StoreAway(err)
}

// UpdatePassword replaces a hash; see auth.Store.
func (s *Store) UpdatePassword(ctx context.Context, id, hash string) error {
	if auth.CheckID(id) != nil {
		return auth.NoUser()
	}
	var res sql.Result
	err := s.call(ctx, func(ctx context.Context, _ bool) (err error) {
		res, err = s.db.ExecContext(ctx, `UPDATE users SET passwd = ? WHERE id = ?`, hash, id)
		return err
	})
	if err != nil {
		return auth.StoreAway(err)
	}
	if n, err := res.RowsAffected(); err == nil && n == 0 {
		return auth.NoUser()
	}
	return nil
}

// Ping asks the server for a sign of life; see auth.Store. One of several has to
// answer a question: it takes connections when it has lost the others, too.
func (s *Store) Ping(ctx context.Context) error {
	return auth.StoreAway(s.call(ctx, func(ctx context.Context, _ bool) error {
		if !s.conn.several() {
			return s.db.PingContext(ctx)
		}
		var one int
		return s.db.QueryRowContext(ctx, `SELECT 1`).Scan(&one)
	}))
}

// Close closes the connections.
func (s *Store) Close() error {
	s.close()
	return s.db.Close()
}
