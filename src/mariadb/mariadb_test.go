package mariadb_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chatlab/src/auth"
	"chatlab/src/errs"
	"chatlab/src/mariadb"
	"chatlab/src/testkit/authtest"
	"chatlab/src/testkit/mariadbtest"
)

// TestMariaDB starts one server for all that needs a real one.
func TestMariaDB(t *testing.T) {
	server := mariadbtest.Start(t)
	t.Run("the store keeps the contract", func(t *testing.T) {
		authtest.Store(t, func(t *testing.T) authtest.Opener {
			cfg := server.NewDatabase(t)
			return func(t *testing.T) auth.Store { return open(t, cfg) }
		})
	})
	contracts(t, func(t *testing.T) authtest.NodeOpener {
		cfg := server.NewDatabase(t)
		return func(t *testing.T, _ int) auth.Store { return openUntilEnd(t, cfg) }
	})
	t.Run("the first address that works is used", func(t *testing.T) { firstThatWorks(t, server) })
	t.Run("nothing is cut or mended", func(t *testing.T) { strict(t, server) })
	t.Run("a wrong password is unavailable", func(t *testing.T) { wrongPassword(t, server) })
	t.Run("a password is rotated without a restart", func(t *testing.T) { rotates(t, server) })
	t.Run("a server that takes no writes is named", func(t *testing.T) { takesNoWrites(t, server) })
	t.Run("the schema goes up and down", func(t *testing.T) { upAndDown(t, server) })
	t.Run("a server that comes back is used", func(t *testing.T) { comesBack(t, server) })
}

// contracts are of what several authd share.
func contracts(t *testing.T, newDatabase func(t *testing.T) authtest.NodeOpener) {
	t.Run("failures keep the contract", func(t *testing.T) { authtest.Failures(t, newDatabase) })
	t.Run("tokens keep the contract", func(t *testing.T) { authtest.Tokens(t, newDatabase) })
	t.Run("limits are those of all", func(t *testing.T) { authtest.Limits(t, newDatabase) })
}

func open(t *testing.T, cfg mariadb.Config) *mariadb.Store {
	t.Helper()
	s, err := mariadb.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(context.Background()); err != nil {
		t.Error(err)
	}
	return s
}

func openUntilEnd(t *testing.T, cfg mariadb.Config) *mariadb.Store {
	t.Helper()
	s := open(t, cfg)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func firstThatWorks(t *testing.T, server *mariadbtest.Server) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	cfg := server.NewDatabase(t)
	cfg.Addresses = []string{filepath.Join(t.TempDir(), "nobody"), silent.Addr().String(), server.Socket}
	begin := time.Now()
	s := open(t, cfg)
	defer s.Close()
	if err := s.Create(context.Background(), authtest.User("kim")); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > 8*time.Second {
		t.Errorf("a silent server held the others up for %s", took)
	}
}

func strict(t *testing.T, server *mariadbtest.Server) {
	s := open(t, server.NewDatabase(t))
	defer s.Close()
	for name, change := range map[string]func(*auth.User){
		"id too long":   func(u *auth.User) { u.ID = strings.Repeat("k", 33) },
		"id not ASCII":  func(u *auth.User) { u.ID = "k\u00edm" },
		"email not UTF": func(u *auth.User) { u.Email = "k\xff@example.org" },
		"hash too long": func(u *auth.User) { u.Hash = strings.Repeat("h", 256) },
	} {
		u := authtest.User("kim")
		change(&u)
		if err := s.Create(context.Background(), u); err == nil {
			t.Errorf("%s: stored", name)
		}
	}
}

func wrongPassword(t *testing.T, server *mariadbtest.Server) {
	cfg := server.NewDatabase(t)
	for _, file := range []string{cfg.PasswordFile, cfg.SchemaPasswordFile} {
		if err := os.WriteFile(file, []byte("another secret"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := mariadb.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Migrate(context.Background())
	if !errs.Is(err, errs.Unavailable) {
		t.Fatalf("code %q: %v", errs.CodeOf(err), err)
	}
	if strings.Contains(err.Error(), "another secret") {
		t.Error("the password is in the error")
	}
}

func rotates(t *testing.T, server *mariadbtest.Server) {
	cfg := server.NewDatabase(t)
	s := open(t, cfg)
	defer s.Close()
	old, err := os.ReadFile(cfg.PasswordFile)
	if err != nil {
		t.Fatal(err)
	}
	steps := []struct{ name, file, sql string }{
		{"both in the file", strings.TrimSpace(string(old)) + "\nnew secret\n", ""},
		{"the server has the new one", "", "ALTER USER '" + cfg.User + "'@localhost IDENTIFIED BY 'new secret'"},
		{"only the new one in the file", "new secret\n", ""},
	}
	for _, step := range steps {
		if step.file != "" {
			if err := os.WriteFile(cfg.PasswordFile, []byte(step.file), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if step.sql != "" {
			server.Exec(t, step.sql)
		}
		server.Exec(t, "KILL HARD CONNECTION USER '"+cfg.User+"'@localhost") // whoever comes now has to prove himself
		if err := s.Ready(context.Background()); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
	}
}

func comesBack(t *testing.T, server *mariadbtest.Server) {
	s := open(t, server.NewDatabase(t))
	defer s.Close()
	ctx := context.Background()
	if err := s.Create(ctx, authtest.User("kim")); err != nil {
		t.Fatal(err)
	}
	server.Stop(t)
	if err := s.Ready(ctx); !errs.Is(err, errs.Unavailable) {
		t.Errorf("ready while away: %v", err)
	}
	if _, err := s.Get(ctx, "kim"); !errs.Is(err, errs.Unavailable) {
		t.Errorf("get while away: %v", err)
	}
	authtest.Away(t, s)
	server.Restart(t)
	if err := s.Ready(ctx); err != nil {
		t.Errorf("ready when it is back: %v", err)
	}
	if _, err := s.Get(ctx, "kim"); err != nil {
		t.Errorf("get when it is back: %v", err)
	}
}

func TestOpenNamesWhatIsMissing(t *testing.T) {
	for key, cfg := range map[string]mariadb.Config{
		"database.addresses":     {Name: "n", User: "u"},
		"database.name":          {Addresses: []string{"/nowhere"}, User: "u"},
		"database.user":          {Addresses: []string{"/nowhere"}, Name: "n"},
		"database.password_file": {Addresses: []string{"/nowhere"}, Name: "n", User: "u", PasswordFile: "/nowhere/p"},
	} {
		_, err := mariadb.Open(cfg)
		if !errs.Is(err, errs.Usage) || !strings.Contains(err.Error()+errs.FixOf(err), key) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func takesNoWrites(t *testing.T, server *mariadbtest.Server) {
	cfg := server.NewDatabase(t)
	s := open(t, cfg)
	defer s.Close()
	wants := func(words string) {
		t.Helper()
		if err := s.Ready(t.Context()); !errs.Is(err, errs.Unavailable) || errs.Public(err) != words {
			t.Errorf("ready: %v, want %q", err, words)
		}
		if _, err := s.EndTokens(t.Context(), "kim", time.Now()); !errs.Is(err, errs.Unavailable) || errs.Public(err) != words {
			t.Errorf("a write: %v, want %q", err, words)
		}
	}
	server.Exec(t, "SET GLOBAL read_only = 1")
	wants("the database is read-only")
	server.Exec(t, "SET GLOBAL read_only = 0")
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("writes are taken again: %v", err)
	}
	user := "'" + cfg.User + "'@localhost"
	server.Exec(t, "REVOKE ALL PRIVILEGES ON "+cfg.Name+".* FROM "+user)
	server.Exec(t, "GRANT SELECT ON "+cfg.Name+".* TO "+user)
	server.Exec(t, "KILL HARD CONNECTION USER "+user) // rights are looked up when a connection begins
	wants("the database refuses authd a right")
	server.Exec(t, "GRANT ALL PRIVILEGES ON "+cfg.Name+".* TO "+user)
	server.Exec(t, "KILL HARD CONNECTION USER "+user)
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("the right is back: %v", err)
	}
	var rows int
	if err := s.DB().QueryRow("SELECT COUNT(*) FROM ended WHERE id <> 'kim'").Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows are left of the writes that were tried: %v", rows, err)
	}
}

func upAndDown(t *testing.T, server *mariadbtest.Server) {
	s := open(t, server.NewDatabase(t))
	defer s.Close()
	if err := s.Create(t.Context(), authtest.User("kim")); err != nil {
		t.Fatal(err)
	}
	s.DownTo(t, 3)
	for _, statement := range []string{ // what the earlier auth server does
		"INSERT INTO failures (id, failures, last_at) VALUES ('kim', 3, UTC_TIMESTAMP(6))",
		"INSERT INTO granted (node, network, since, total, told_at) VALUES ('n', '192.0.2.1/32', UTC_TIMESTAMP(6), 1, UTC_TIMESTAMP(6))",
	} {
		if _, err := s.DB().Exec(statement); err != nil {
			t.Error(err)
		}
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), "kim"); err != nil {
		t.Errorf("the user of before: %v", err)
	}
	if tries, err := s.Tries(t.Context(), "kim", "192.0.2.1/32"); err != nil || tries.Everywhere.Count != 3 || tries.Here.Count != 0 {
		t.Errorf("the failures of before: %+v, %v", tries, err)
	}
	for _, statement := range []string{ // and while it is not replaced yet
		"UPDATE failures SET failures = 4, last_at = UTC_TIMESTAMP(6) WHERE id = 'kim' AND failures = 3",
		"INSERT INTO failures (id, failures, last_at) VALUES ('lee', 1, UTC_TIMESTAMP(6))",
	} {
		if _, err := s.DB().Exec(statement); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.DB().Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)"); err != nil {
		t.Fatal(err)
	}
	err := s.Migrate(t.Context())
	if !errs.Is(err, errs.Usage) || !strings.Contains(err.Error(), "version 99, this authd knows 4") || strings.Contains(err.Error(), "\n") {
		t.Errorf("a later schema: %v", err)
	}
}
