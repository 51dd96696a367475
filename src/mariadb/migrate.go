package mariadb

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// statement is how long a migration's statement may take: a change of a large
// table is no call of a user's.
const statement = 10 * time.Minute

// migrate brings the schema up to date; several authd may do so at once.
func migrate(ctx context.Context, cfg Config) error {
	conn, err := newConnector(cfg, statement)
	if err != nil {
		return err
	}
	db := sql.OpenDB(conn)
	defer func() { _ = db.Close() }()
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectMySQL, db, dir,
		goose.WithLogger(goose.NopLogger()), goose.WithSessionLocker(locker{}))
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// locker lets one process migrate at a time: the server drops the lock when
// its connection ends, whatever ended it.
type locker struct{}

// SessionLock waits up to 30 s for the lock of this database.
func (locker) SessionLock(ctx context.Context, conn *sql.Conn) error {
	var got sql.NullInt64
	err := conn.QueryRowContext(ctx, `SELECT GET_LOCK(CONCAT('chatlab.', DATABASE()), 30)`).Scan(&got)
	if err == nil && got.Int64 != 1 {
		return errors.New("another process is migrating the schema")
	}
	return err
}

// SessionUnlock gives the lock back.
func (locker) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, `DO RELEASE_LOCK(CONCAT('chatlab.', DATABASE()))`)
	return err
}
