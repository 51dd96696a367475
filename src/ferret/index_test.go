package ferret

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The table is as FerretDB makes it, and the query is FerretDB's for {_id: X}.
func TestALookUpByIDReadsNoTable(t *testing.T) {
	dir := t.TempDir()
	s, err := Listen("127.0.0.1:0", dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "made.sqlite")+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, q := range []string{
		`CREATE TABLE "logdata_1" (_ferretdb_sjson TEXT NOT NULL CHECK(_ferretdb_sjson != '')) STRICT`,
		`CREATE UNIQUE INDEX "logdata_1__id_" ON "logdata_1" (_ferretdb_sjson->"_id")`,
		`CREATE TABLE "other" (name TEXT)`,
	} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.After(30 * time.Second)
	for plan := ""; !strings.HasPrefix(plan, "SEARCH"); {
		if _, err := db.Exec(`SELECT 1 FROM "logdata_1"`); err != nil { // EXPLAIN does not notice a changed schema
			t.Fatal(err)
		}
		var id, parent, unused int
		row := db.QueryRow(`EXPLAIN QUERY PLAN SELECT _ferretdb_sjson FROM "logdata_1" WHERE _ferretdb_sjson->'$._id' = ?`, "x")
		if err := row.Scan(&id, &parent, &unused, &plan); err != nil {
			t.Fatal(err)
		}
		select {
		case <-deadline:
			t.Fatalf("the plan is still %q", plan)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
