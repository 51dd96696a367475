package main

import (
	"context"
	"time"

	"chatlab/src/auth"
	"chatlab/src/errs"
	"chatlab/src/mariadb"
	"chatlab/src/sqlite"
	"chatlab/src/wait"
)

// Waits between attempts to bring the schema up to date.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// open prepares the configured database, which may come later. Fails with code usage.
func (c databaseConfig) open() (auth.Store, error) {
	switch c.Driver {
	case "sqlite":
		if c.Path == "" {
			return nil, errs.E(errs.Usage, "database.path is not set")
		}
		return sqlite.Open(c.Path)
	case "mariadb":
		if len(c.Addresses) == 0 {
			return nil, errs.E(errs.Usage, "database.addresses is not set")
		}
		return mariadb.Open(mariadb.Config{
			Addresses: c.Addresses, Name: c.Name, User: c.User, PasswordFile: c.PasswordFile,
			SchemaUser: c.SchemaUser, SchemaPasswordFile: c.SchemaPasswordFile,
		})
	}
	return nil, errs.E(errs.Usage, "database.driver %q is not sqlite or mariadb", c.Driver)
}

// keepStore brings the schema up to date, again and again until that succeeds or ctx
// ends, and closes the store when rest ends. A fault that no wait can end is an error.
func (d *daemon) keepStore(ctx, rest context.Context) error {
	for pause := (wait.Backoff{First: firstRetry, Last: lastRetry}); ; {
		err := d.store.Migrate(ctx)
		if err == nil {
			d.schema.Store(true)
			d.log.Info("database is open")
			break
		}
		if errs.Is(err, errs.Usage) {
			return err
		}
		next := pause.Next()
		if ctx.Err() == nil {
			d.log.Warn("database is away", "err", err, "fix", errs.FixOf(err), "retry", next)
		}
		if !wait.Sleep(ctx, next) {
			break
		}
	}
	<-rest.Done()
	return d.store.Close()
}
