package snapshot

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"chatlab/src/errs"
)

func newStore(t *testing.T) Store {
	t.Helper()
	state := t.TempDir()
	put(t, filepath.Join(state, "secrets", "jwt.key"), "first")
	return Store{Dir: filepath.Join(state, "snapshots"), State: state}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSecretsGoBackWithTheMachines(t *testing.T) {
	s := newStore(t)
	key := filepath.Join(s.State, "secrets", "jwt.key")
	if err := s.Save("one", func(dir string) error { put(t, filepath.Join(dir, "log"), "disk 1"); return nil }); err != nil {
		t.Fatal(err)
	}
	put(t, key, "second")
	put(t, filepath.Join(s.State, "secrets", "later.key"), "later")
	put(t, filepath.Join(s.State, "client.yaml"), "later")
	seen := ""
	if err := s.Restore("one", func(dir string) error { seen = get(t, filepath.Join(dir, "log")); return nil }); err != nil {
		t.Fatal(err)
	}
	if seen != "disk 1" || get(t, key) != "first" {
		t.Errorf("machine %q, key %q", seen, get(t, key))
	}
	info, err := os.Stat(key)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	for _, gone := range []string{"secrets/later.key", "client.yaml", "secrets.old", "secrets.new"} {
		if _, err := os.Stat(filepath.Join(s.State, gone)); !os.IsNotExist(err) {
			t.Errorf("%s is there after restoring: %v", gone, err)
		}
	}
}

func TestAllOrNothing(t *testing.T) {
	s := newStore(t)
	broken := errors.New("disk full")
	if err := s.Save("half", func(dir string) error { put(t, filepath.Join(dir, "log"), "x"); return broken }); !errors.Is(err, broken) {
		t.Errorf("save: %v", err)
	}
	if names, err := s.Names(); err != nil || len(names) != 0 {
		t.Errorf("after a failed save: %v %v", names, err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.Dir, "*")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if err := s.Save("one", func(string) error { return nil }); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(s.State, "secrets", "jwt.key"), "second")
	if err := s.Restore("one", func(string) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("restore: %v", err)
	}
	if got := get(t, filepath.Join(s.State, "secrets", "jwt.key")); got != "second" {
		t.Errorf("the machines stayed, the key is %q", got)
	}
}

func TestNames(t *testing.T) {
	s := newStore(t)
	nothing := func(string) error { return nil }
	err := s.Restore("one", nothing)
	if !errs.Is(err, errs.NotFound) || errs.FixOf(err) != "`lab snapshot save NAME` makes one" {
		t.Errorf("%v, %s", err, errs.FixOf(err))
	}
	for _, name := range []string{"zeta", "alpha"} {
		if err := s.Save(name, nothing); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := s.Names(); err != nil || !slices.Equal(names, []string{"zeta", "alpha"}) {
		t.Errorf("%v %v", names, err)
	}
	err = s.Restore("beta", nothing)
	if !errs.Is(err, errs.NotFound) || errs.FixOf(err) != "there are zeta, alpha" {
		t.Errorf("%v, %s", err, errs.FixOf(err))
	}
	for _, name := range []string{"", "../x", "a b", ".new", "zeta"} {
		if err := s.Save(name, nothing); !errs.Is(err, errs.Usage) {
			t.Errorf("save %q: %v", name, err)
		}
	}
}
