package ferret

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver that FerretDB registers too
)

// FerretDB 1.24 keeps its index of _id on the expression
// _ferretdb_sjson->"_id", and looks a document up by idAsked. SQLite does not
// see that both are the same, so every look-up and every deletion by _id would
// read the whole table. The server therefore adds an index on idAsked.
const (
	idAsked   = `_ferretdb_sjson->'$._id'`
	lookEvery = time.Second // for new tables
	tables    = `SELECT name FROM sqlite_schema AS t WHERE type = 'table' AND sql LIKE '%_ferretdb_sjson%'
		AND NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'index' AND tbl_name = t.name AND name = t.name || '_id_asked')`
)

// keepIndexes adds the index to each table that FerretDB makes, until ctx ends.
// An error is of one moment, as while FerretDB removes a table: the next look
// tries again.
func (s *Server) keepIndexes(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		_ = s.addIndexes(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Server) addIndexes(ctx context.Context) error {
	files, err := filepath.Glob(filepath.Join(s.dir, "*.sqlite"))
	for _, path := range files {
		err = errors.Join(err, addIndexes(ctx, path))
	}
	return err
}

func addIndexes(ctx context.Context, path string) error {
	query := url.Values{"mode": {"rw"}, "_pragma": {"busy_timeout(10000)"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}).String())
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	names, err := missing(ctx, db)
	for _, name := range names {
		_, add := db.ExecContext(ctx, fmt.Sprintf("CREATE INDEX IF NOT EXISTS %q ON %q (%s)", name+"_id_asked", name, idAsked))
		err = errors.Join(err, add)
	}
	return err
}

// missing returns the tables of documents that lack the index.
func missing(ctx context.Context, db *sql.DB) (names []string, err error) {
	rows, err := db.QueryContext(ctx, tables)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}
