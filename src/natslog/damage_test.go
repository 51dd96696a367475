package natslog_test

import (
	"crypto/rand"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chatlab/src/errs"
	"chatlab/src/natslog"
	"chatlab/src/testkit"
)

// spoil does something to every file below a folder whose path matches.
func spoil(t *testing.T, dir string, matches func(path string) bool, with func(path string, size int64) error) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !matches(strings.TrimPrefix(path, dir)) {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		n++
		return with(path, info.Size())
	})
	if err != nil {
		t.Fatal(err)
	}
	if n == 0 {
		t.Fatal("there was nothing to spoil")
	}
}

func half(path string, size int64) error { return os.Truncate(path, size/2) }

func garbage(path string, size int64) error {
	text := make([]byte, size)
	_, _ = rand.Read(text)
	return os.WriteFile(path, text, 0o600)
}

// scratch changes some bytes in the middle.
func scratch(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte("scratched here"), size/2)
	if err := f.Close(); err != nil {
		return err
	}
	return err
}

func lines(path string) bool  { return strings.Contains(path, "/streams/chat/msgs/") }
func agreed(path string) bool { return strings.Contains(path, "/_js_/") }
func all(string) bool         { return true }

func TestAMemberWhoseFilesAreDamagedIsAsTheOthersAgain(t *testing.T) {
	t.Parallel()
	const before, after = 60, 60
	for name, damage := range map[string]struct {
		of    func(path string) bool
		is    func(path string, size int64) error
		fatal bool // it must not guess what it agreed to, and says what to do
	}{
		"its lines are cut":         {lines, half, false},
		"its lines are garbage":     {lines, garbage, false},
		"its lines are scratched":   {lines, scratch, false},
		"what it agreed is cut":     {agreed, half, true},
		"what it agreed is garbage": {agreed, garbage, true},
		"all is garbage":            {all, garbage, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRing(t, 3)
			for i := range before {
				persist(t, r.logs[i%3], line(i))
			}
			lost := (r.leader() + 1) % 3
			r.stop(lost)
			dir := r.options(lost).Dir
			spoil(t, dir, damage.of, damage.is)
			for i := before; i < before+after; i++ {
				persist(t, r.up()[i%2], line(i))
			}
			if damage.fatal {
				_, err := natslog.Open(t.Context(), r.options(lost))
				if !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "corrupt") || !strings.Contains(errs.FixOf(err), "move that folder away") {
					t.Fatalf("%v, fix %q", err, errs.FixOf(err))
				}
				if err := os.Rename(dir, dir+"-away"); err != nil {
					t.Fatal(err)
				}
			}
			r.start(lost)
			r.whole(lost, before+after)
		})
	}
}

func TestAMemberWithAnOlderCopyOfItsFilesIsAsTheOthersAgain(t *testing.T) {
	t.Parallel()
	r := newRing(t, 3)
	lost := (r.leader() + 1) % 3
	dir, copied := r.options(lost).Dir, filepath.Join(r.dir, "copy")
	say := func(from, to int) {
		for i := from; i < to; i++ {
			persist(t, r.up()[i%len(r.up())], line(i))
		}
	}
	say(0, 30)
	r.stop(lost)
	copyDir(t, dir, copied)
	r.start(lost)
	r.ready()
	say(30, 60)
	r.stop(lost)
	say(60, 90)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(copied, dir); err != nil {
		t.Fatal(err)
	}
	r.start(lost)
	r.whole(lost, 90)
}

// whole waits until a member's own files have all lines.
func (r *ring) whole(i, want int) {
	r.t.Helper()
	testkit.Until(r.t, "its own replica has every line", func() bool {
		s := r.logs[i].Own()
		return s.FirstSeq == 1 && s.LastSeq == uint64(want) && s.Msgs == uint64(want)
	})
	testkit.Until(r.t, "three replicas have all", func() bool { return r.logs[i].Replicas(r.t.Context()) == 3 })
}
