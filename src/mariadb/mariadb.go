// Package mariadb keeps users in a MariaDB server.
package mariadb

import (
	"context"
	"crypto/rand"
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

	// The account that changes the schema, so that User needs no right to; "": User.
	SchemaUser         string
	SchemaPasswordFile string // as PasswordFile
}

// ofSchema is the configuration of the account that changes the schema.
func (c Config) ofSchema() Config {
	if c.SchemaUser != "" {
		c.User, c.PasswordFile = c.SchemaUser, c.SchemaPasswordFile
	}
	return c
}

// Store is an auth.Store in a MariaDB server, or in one of several that are a
// Galera cluster.
type Store struct {
	db    *sql.DB
	conn  *connector
	cfg   Config
	close func() // ends what looks after the servers
}

var _ auth.Store = (*Store)(nil)

// Open prepares the connections; the first call makes one. Fails with code usage.
func Open(cfg Config) (*Store, error) {
	conn, err := newConnector(cfg, timeout)
	if err != nil {
		return nil, err
	}
	if _, err := newConnector(cfg.ofSchema(), statement); err != nil {
		return nil, err
	}
	db := sql.OpenDB(conn)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxLifetime(lifetime)
	s := &Store{db: db, conn: conn, cfg: cfg}
	s.lookAfter()
	return s, nil
}

// Migrate brings the schema up to date; see auth.Store.
func (s *Store) Migrate(ctx context.Context) error {
	err := migrate(ctx, s.cfg)
	if err == nil || errs.Is(err, errs.Usage) {
		return err
	}
	return errs.Wrap(away(err), errs.Unavailable, "database schema")
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
		if isDuplicate(err) && lost && s.holds(ctx, u.ID, u.Hash) {
			return nil // a server that was lost had done it
		}
		return err
	})
	if isDuplicate(err) {
		return errs.Wrap(err, errs.IDTaken, "the id is taken")
	}
	return away(err)
}

func isDuplicate(err error) bool { return is(err, duplicate) }

// holds tells whether the user is there with this very hash, whose salt is no
// other's.
func (s *Store) holds(ctx context.Context, id, hash string) bool {
	got, err := s.read(ctx, selectUser, id)
	return err == nil && got.Hash == hash
}

const selectUser = `SELECT u.id, u.passwd, u.email, u.created_at, e.tokens_from FROM users u LEFT JOIN ended e ON e.id = u.id WHERE u.id = ?`

// ofAll has a server wait until it has what any server of the cluster had
// committed before. A server without Galera knows the variable too, and does not wait.
const ofAll = `SET STATEMENT wsrep_sync_wait = 1 FOR `

func (s *Store) read(ctx context.Context, question, id string) (u auth.User, err error) {
	var from sql.NullInt64
	err = s.db.QueryRowContext(ctx, question, id).Scan(&u.ID, &u.Hash, &u.Email, &u.CreatedAt, &from)
	if from.Valid {
		u.TokensFrom = time.Unix(from.Int64, 0)
	}
	return u, err
}

// Get returns a user; see auth.Store. A user that is not found may have signed up by
// another server a moment ago.
func (s *Store) Get(ctx context.Context, id string) (auth.User, error) {
	u, err := s.get(ctx, selectUser, id)
	if errs.Is(err, errs.NotFound) && s.conn.several() {
		return s.get(ctx, ofAll+selectUser, id)
	}
	return u, err
}

// GetLatest returns a user; see auth.Store.
func (s *Store) GetLatest(ctx context.Context, id string) (auth.User, error) {
	if !s.conn.several() {
		return s.get(ctx, selectUser, id)
	}
	return s.get(ctx, ofAll+selectUser, id)
}

func (s *Store) get(ctx context.Context, question, id string) (u auth.User, err error) {
	if auth.CheckID(id) != nil { // the server would compare it in another character set
		return auth.User{}, auth.NoUser()
	}
	err = s.call(ctx, func(ctx context.Context, _ bool) (err error) {
		u, err = s.read(ctx, question, id)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return auth.User{}, auth.NoUser()
	}
	return u, away(err)
}

// UpdatePassword replaces a hash; see auth.Store.
func (s *Store) UpdatePassword(ctx context.Context, id, hash string) error {
	if auth.CheckID(id) != nil {
		return auth.NoUser()
	}
	return away(s.call(ctx, func(ctx context.Context, _ bool) error {
		return one(s.db.ExecContext(ctx, `UPDATE users SET passwd = ? WHERE id = ?`, hash, id))
	}))
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

// ping asks the server for a sign of life. One of several has to answer a question: it
// takes connections when it has lost the others, too.
func (s *Store) ping(ctx context.Context) error {
	return s.call(ctx, func(ctx context.Context, _ bool) error {
		var one int
		return s.db.QueryRowContext(ctx, `SELECT 1`).Scan(&one)
	})
}

// Ready tries a write; see auth.Store.
func (s *Store) Ready(ctx context.Context) error {
	return away(s.call(ctx, func(ctx context.Context, _ bool) error {
		tx, err := s.db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		// An id of nobody's, and of nobody's else who tries at the same time.
		_, err = tx.ExecContext(ctx, `INSERT INTO ended (id, tokens_from) VALUES (?, 0)`, " "+rand.Text())
		return err
	}))
}

// Close closes the connections.
func (s *Store) Close() error {
	s.close()
	return s.db.Close()
}
