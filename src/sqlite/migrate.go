package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"

	"chatlab/src/auth"
	"chatlab/src/files"
	"chatlab/src/wait"
)

//go:embed migrations/*.sql
var migrations embed.FS

// lockAgain is how often a lock is tried that another process holds.
const lockAgain = 20 * time.Millisecond

// migrate brings the schema up to date; several processes may do so at once.
func migrate(ctx context.Context, db *sql.DB, path string) error {
	lock, err := wait.Available(ctx, lockAgain, func() (*files.Lock, error) { return files.TryLock(path + ".lock") })
	if err != nil {
		return err
	}
	defer lock.Unlock()
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, dir, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	if err := auth.CheckSchema(p.GetVersions(ctx)); err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}
