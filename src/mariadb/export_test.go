package mariadb

import (
	"database/sql"
	"io/fs"
	"testing"

	"github.com/pressly/goose/v3"
)

// SeveralTimeout bounds a call where there are several servers.
const SeveralTimeout = severalTimeout

// DownTo takes the schema back to an earlier version.
func (s *Store) DownTo(t *testing.T, version int64) {
	t.Helper()
	conn, err := newConnector(s.cfg.ofSchema(), statement)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(conn)
	defer db.Close()
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(goose.DialectMySQL, db, dir, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.DownTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
}

// DB returns the pool.
func (s *Store) DB() *sql.DB { return s.db }
