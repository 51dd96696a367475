package health

import (
	"context"

	"chatlab/src/errs"
)

// Pinger is a database: Ping asks it for a sign of life.
type Pinger interface {
	Ping(ctx context.Context) error
}

// Database is chatlab.mariadb.ping or chatlab.mongodb.ping: 1 when the database
// answers healthd's user, else 0.
type Database struct {
	name string
	db   Pinger // nil: none
}

// NewDatabase makes the check of a database, mariadb or mongodb; db may be nil.
func NewDatabase(name string, db Pinger) *Database { return &Database{name, db} }

// Key implements [Check].
func (d *Database) Key() string { return "chatlab." + d.name + ".ping" }

// About implements [Check].
func (d *Database) About() string { return "1 when " + d.name + " answers, else 0" }

// Run implements [Check].
func (d *Database) Run(ctx context.Context, params []string) (string, error) {
	if err := noParams(params); err != nil {
		return "", err
	}
	if d.db == nil {
		return "", errs.E(errs.Failed, "No %s is configured.", d.name)
	}
	if d.db.Ping(ctx) != nil {
		return "0", nil
	}
	return "1", nil
}

// databaseByLogd is chatlab.mongodb.ping where only log servers may ask the database:
// 1 when one of them says that it stores events, 0 when those that answer do not.
type databaseByLogd struct {
	*Database
	ops []string
}

// NewDatabaseByLogd makes the check of the log database by the ops listeners of the
// log servers.
func NewDatabaseByLogd(ops []string) Check { return &databaseByLogd{NewDatabase("mongodb", nil), ops} }

// Run implements [Check].
func (d *databaseByLogd) Run(ctx context.Context, params []string) (string, error) {
	if err := noParams(params); err != nil {
		return "", err
	}
	answered := false
	for _, addr := range d.ops {
		err := probeReady(ctx, addr)
		if err == nil {
			return "1", nil
		}
		answered = answered || errs.Is(err, errs.Failed) // a status, not a connection's error
	}
	if !answered {
		return "", errs.E(errs.Failed, "No log server answers, and nobody else may ask the log database.")
	}
	return "0", nil
}
