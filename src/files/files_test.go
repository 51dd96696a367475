package files_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/files"
)

func TestWriteReplacesAFileWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := files.Replace(path, []byte("first")); err != nil {
		t.Fatal(err)
	}
	has(t, path, "first", 0o600)
	for _, text := range []string{"one", "another"} {
		if err := files.Write(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		has(t, path, text, 0o600)
	}
	before, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = before.Close() }()
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := files.Replace(path, []byte("a third")); err != nil {
		t.Fatal(err)
	}
	has(t, path, "a third", 0o640)
	old := make([]byte, 16)
	if n, _ := before.Read(old); string(old[:n]) != "another" {
		t.Errorf("an open file was written to: it has %q", old[:n])
	}
}

func TestWriteThatFailsLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	taken := filepath.Join(dir, "taken")
	if err := os.Mkdir(taken, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := files.Write(taken, []byte("text"), 0o600); err == nil {
		t.Error("a file took the place of a folder")
	}
	if err := files.Replace(filepath.Join(dir, "missing", "key"), []byte("text")); err == nil {
		t.Error("a file in a folder that is missing was written")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

func TestReplaceKeepsTheOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	path := filepath.Join(t.TempDir(), "account")
	if err := os.WriteFile(path, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, 1234, 4321); err != nil {
		t.Fatal(err)
	}
	if err := files.Replace(path, []byte("two")); err != nil {
		t.Fatal(err)
	}
	if uid, gid := owner(t, path); uid != 1234 || gid != 4321 {
		t.Errorf("the owner is %d:%d", uid, gid)
	}
}

func TestFollowedComparesTheContent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	f := files.Followed{Path: path}
	if _, _, err := f.Read(); !os.IsNotExist(err) {
		t.Errorf("a file that is missing: %v", err)
	}
	stamp := time.Now()
	for _, step := range []struct {
		text    string
		changed bool
	}{{"one", true}, {"one", false}, {"two", true}, {"", true}, {"", false}} {
		put(t, path, step.text, stamp) // all of one time, two of one size
		text, changed, err := f.Read()
		if err != nil || string(text) != step.text || changed != step.changed {
			t.Errorf("read %q, %t (%v), want %q, %t", text, changed, err, step.text, step.changed)
		}
	}
}

func TestFollowedSeesAnEmptyFileFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	put(t, path, "", time.Now())
	f := files.Followed{Path: path}
	if _, changed, err := f.Read(); err != nil || !changed {
		t.Errorf("the first read: changed %t (%v)", changed, err)
	}
}

func TestLockHasOneHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	held(t, path, 0, false)
	for range 2 {
		lock, err := files.TryLock(path)
		if err != nil {
			t.Fatal(err)
		}
		held(t, path, os.Getpid(), true)
		_, err = files.TryLock(path)
		if want := fmt.Sprintf("process %d holds %s", os.Getpid(), path); !errs.Is(err, errs.Unavailable) || err.Error() != want {
			t.Errorf("a second lock: %v, want %s", err, want)
		}
		lock.Unlock()
		held(t, path, 0, false)
	}
	if _, err := files.TryLock(filepath.Join(path, "below")); !errs.Is(err, errs.Usage) {
		t.Errorf("a lock that there cannot be: %v", err)
	}
}

func held(t *testing.T, path string, pid int, held bool) {
	t.Helper()
	if p, h := files.Holder(path); p != pid || h != held {
		t.Errorf("the holder is %d, %t, want %d, %t", p, h, pid, held)
	}
}

func put(t *testing.T, path, text string, stamp time.Time) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, stamp, stamp); err != nil {
		t.Fatal(err)
	}
}

func has(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != text {
		t.Errorf("%s has %q (%v), want %q", path, got, err, text)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != mode {
		t.Errorf("%s has the mode %v (%v), want %v", path, info.Mode(), err, mode)
	}
}

func owner(t *testing.T, path string) (uid, gid uint32) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	return stat.Uid, stat.Gid
}
