package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chatlab/src/auth"
	"chatlab/src/errs"
	"chatlab/src/sqlite"
	"chatlab/src/testkit/authtest"
)

func open(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := opened(path)
	if err != nil {
		t.Error(err)
	}
	return s
}

func opened(path string) (*sqlite.Store, error) {
	s, err := sqlite.Open(path)
	if err != nil {
		return nil, err
	}
	return s, s.Migrate(context.Background())
}

func nodeOpener(t *testing.T) authtest.NodeOpener {
	path := filepath.Join(t.TempDir(), "users.db")
	return func(t *testing.T, _ int) auth.Store {
		s := open(t, path)
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
}

func TestStoreKeepsTheOtherContracts(t *testing.T) {
	authtest.Failures(t, nodeOpener)
	authtest.Tokens(t, nodeOpener)
	authtest.Limits(t, nodeOpener)
}

func TestStoreKeepsTheContract(t *testing.T) {
	authtest.Store(t, func(t *testing.T) authtest.Opener {
		path := filepath.Join(t.TempDir(), "users?100%.db") // an odd name is a name
		return func(t *testing.T) auth.Store { return open(t, path) }
	})
}

func TestFileIsPrivateAndDurable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	s := open(t, path)
	defer s.Close()
	if err := s.Create(context.Background(), authtest.User("kim")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + "-wal"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", name, info.Mode().Perm())
		}
	}
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "busy_timeout": "5000"} {
		if got := s.Pragma(t, pragma); got != want {
			t.Errorf("%s = %s, want %s", pragma, got, want)
		}
	}
}

func TestReadyMissesAFileThatWentAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	s := open(t, path)
	defer s.Close()
	if err := s.Ready(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".gone"); err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(context.Background()); !errs.Is(err, errs.Unavailable) {
		t.Errorf("file gone: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(context.Background()); !errs.Is(err, errs.Unavailable) {
		t.Errorf("file replaced: %v", err)
	}
}

func TestOpenSaysWhyItCannot(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage")
	if err := os.WriteFile(garbage, []byte("this is no database, whatever its name says; it is only text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "no", "such", "folder"), dir, garbage} {
		if s, err := opened(path); !errs.Is(err, errs.Unavailable) {
			t.Errorf("%s: %v, %v", path, s, err)
		}
	}
}

func TestOpenFindsDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	s, err := opened(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 200 {
		user := auth.User{ID: fmt.Sprint("user", n), Hash: strings.Repeat("h", 200), CreatedAt: time.Now()}
		if err := s.Create(t.Context(), user); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(text) / 2; i < len(text)/2+4096; i++ {
		text[i] = 0xff
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err = opened(path)
	if !errs.Is(err, errs.Unavailable) || errs.FixOf(err) == "" {
		t.Errorf("%v, %v", s, err)
	}
}
