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

// Ping has the server answer a query, one that a member of a Galera cluster without
// quorum answers as well: that it does not serve is for others to say. Fails with
// code unavailable.
func (p *Pinger) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var name, value string
	return away(p.db.QueryRowContext(ctx, `SHOW GLOBAL STATUS LIKE 'Uptime'`).Scan(&name, &value))
}

// Wsrep returns the status variables of the Galera cluster that the server is a
// member of, by their names; a member without quorum tells them too. Fails with
// code unavailable.
func (p *Pinger) Wsrep(ctx context.Context) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	rows, err := p.db.QueryContext(ctx, `SHOW GLOBAL STATUS LIKE 'wsrep\_%'`)
	if err != nil {
		return nil, away(err)
	}
	defer func() { _ = rows.Close() }()
	out := map[string]string{}
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return nil, away(err)
		}
		out[name] = value
	}
	return out, away(rows.Err())
}

// Close closes the connection.
func (p *Pinger) Close() error { return p.db.Close() }
