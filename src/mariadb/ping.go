package mariadb

import (
	"context"
	"database/sql"
)

// Pinger asks a server for signs of life, and nothing else: it needs a user
// without any rights, and no schema.
type Pinger struct {
	db *sql.DB
}

// OpenPinger prepares a connection. It does not wait for the server. Fails with
// code usage.
func OpenPinger(cfg Config) (*Pinger, error) {
	conn, err := newConnector(cfg, timeout)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(conn)
	db.SetMaxOpenConns(1)
	db.SetConnMaxLifetime(lifetime)
	return &Pinger{db}, nil
}

// Ping has the server answer a query. Fails with code unavailable.
func (p *Pinger) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var one int
	return away(p.db.QueryRowContext(ctx, `SELECT 1`).Scan(&one))
}

// Close closes the connection.
func (p *Pinger) Close() error { return p.db.Close() }
