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
	t.Run("failures keep the contract", func(t *testing.T) {
		authtest.Failures(t, func(t *testing.T) authtest.FailuresOpener {
			cfg := server.NewDatabase(t)
			return func(t *testing.T, _ int) auth.Failures { return openUntilEnd(t, cfg) }
		})
	})
	t.Run("grants keep the contract", func(t *testing.T) {
		cfg := server.NewDatabase(t)
		authtest.Grants(t, func(t *testing.T, _ int) authtest.Shared { return openUntilEnd(t, cfg) })
	})
	t.Run("limits are those of all", func(t *testing.T) {
		authtest.Limits(t, func(t *testing.T) authtest.SharedOpener {
			cfg := server.NewDatabase(t)
			return func(t *testing.T, _ int) authtest.Shared { return openUntilEnd(t, cfg) }
		})
	})
	t.Run("the first address that works is used", func(t *testing.T) { firstThatWorks(t, server) })
	t.Run("nothing is cut or mended", func(t *testing.T) { strict(t, server) })
	t.Run("a wrong password is unavailable", func(t *testing.T) { wrongPassword(t, server) })
	t.Run("a password is rotated without a restart", func(t *testing.T) { rotates(t, server) })
	t.Run("a server that comes back is used", func(t *testing.T) { comesBack(t, server) })
}

func open(t *testing.T, cfg mariadb.Config) *mariadb.Store {
	t.Helper()
	s, err := mariadb.Open(context.Background(), cfg)
	if err != nil {
		t.Error(err)
	}
	return s
}

func openUntilEnd(t *testing.T, cfg mariadb.Config) *mariadb.Store {
	t.Helper()
	s, err := mariadb.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
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
	if err := os.WriteFile(cfg.PasswordFile, []byte("another secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := mariadb.Open(context.Background(), cfg)
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
		if err := s.Ping(context.Background()); err != nil {
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
	if err := s.Ping(ctx); !errs.Is(err, errs.Unavailable) {
		t.Errorf("ping while away: %v", err)
	}
	if _, err := s.Get(ctx, "kim"); !errs.Is(err, errs.Unavailable) {
		t.Errorf("get while away: %v", err)
	}
	authtest.Away(t, s)
	server.Restart(t)
	if err := s.Ping(ctx); err != nil {
		t.Errorf("ping when it is back: %v", err)
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
		_, err := mariadb.Open(context.Background(), cfg)
		if !errs.Is(err, errs.Usage) || !strings.Contains(err.Error()+errs.FixOf(err), key) {
			t.Errorf("%s: %v", key, err)
		}
	}
}
