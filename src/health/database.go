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
