package mariadb

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"

	"chatlab/src/auth"
	"chatlab/src/errs"
	"chatlab/src/wait"
)

//go:embed migrations/*.sql
var migrations embed.FS

// statement is how long a migration's statement may take: a change of a large
// table is no call of a user's.
const statement = 10 * time.Minute

const (
	togetherTries = 10
	togetherWait  = 200 * time.Millisecond
)

// migrate brings the schema up to date; several authd may do so at once.
func migrate(ctx context.Context, cfg Config) error {
	conn, err := newConnector(cfg.ofSchema(), statement)
	if err != nil {
		return err
	}
	db := sql.OpenDB(conn)
	defer func() { _ = db.Close() }()
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectMySQL, db, dir, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	up := func() error {
		if err := auth.CheckSchema(p.GetVersions(ctx)); err != nil {
			return err
		}
		_, err := p.Up(ctx)
		return err
	}
	// The lock is one server's. Two authd that use different servers of a cluster may get
	// in each other's way, and the one that fails finds done what it was to do.
	err = locked(ctx, db, up)
	for n := 1; err != nil && !errs.Is(err, errs.Usage) && conn.several() && n < togetherTries && ctx.Err() == nil; n++ {
		wait.Sleep(ctx, togetherWait)
		err = locked(ctx, db, up)
	}
	return err
}

// locked runs f while no other process is in it: the server drops the lock
// when its connection ends, whatever ended it. Goose's own lock is not held
// while it looks whether there is anything to do, and there it fails on a
// version table that another process is about to fill.
func locked(ctx context.Context, db *sql.DB, f func() error) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	var got sql.NullInt64
	err = conn.QueryRowContext(ctx, `SELECT GET_LOCK(CONCAT('chatlab.', DATABASE()), 30)`).Scan(&got)
	switch {
	case err != nil:
		return err
	case got.Int64 != 1:
		return errors.New("another process is migrating the schema")
	}
	err = f()
	_, unlockErr := conn.ExecContext(context.WithoutCancel(ctx), `DO RELEASE_LOCK(CONCAT('chatlab.', DATABASE()))`)
	if err != nil {
		return err
	}
	return unlockErr
}
