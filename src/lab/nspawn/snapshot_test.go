package nspawn

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chatlab/src/errs"
)

// newDisks makes machines with files of their own that do not run.
func newDisks(t *testing.T) *Machines {
	t.Helper()
	s, err := NewMachines(Config{State: t.TempDir(), Inventory: parse(t, text)})
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range []string{"one", "two"} {
		putFile(t, filepath.Join(s.dirOf(node), ownFiles, "etc", "data"), node+" then")
		putFile(t, filepath.Join(s.dirOf(node), baseNote), "image 1")
		putFile(t, filepath.Join(s.dirOf(node), "work", "work"), "overlayfs")
	}
	return s
}

func putFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// dataOf reads what the machines of newDisks hold.
func dataOf(t *testing.T, s *Machines) string {
	t.Helper()
	var out []string
	for _, node := range s.nodeNames() {
		for _, name := range []string{filepath.Join(ownFiles, "etc", "data"), baseNote} {
			text, err := os.ReadFile(filepath.Join(s.dirOf(node), name))
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, string(text))
		}
		if _, err := os.Stat(filepath.Join(s.dirOf(node), "fresh")); err == nil {
			out = append(out, "left over")
		}
	}
	return strings.Join(out, ", ")
}

func TestMachinesFilesGoBackAllOrNone(t *testing.T) {
	s := newDisks(t)
	const then, now = "one then, image 1, two then, image 1", "one now, image 2, two now, image 2"
	if err := s.snapshots().Save("fresh", func(dir string) error { return s.copyTo(t.Context(), dir) }); err != nil {
		t.Fatal(err)
	}
	for _, node := range s.nodeNames() {
		putFile(t, filepath.Join(s.dirOf(node), ownFiles, "etc", "data"), node+" now")
		putFile(t, filepath.Join(s.dirOf(node), baseNote), "image 2")
	}
	back := func(dir string) error { return s.copyFrom(t.Context(), dir) }
	two := filepath.Join(s.run(), "snapshots", "fresh", "two")
	if err := os.Rename(two, two+"-away"); err != nil {
		t.Fatal(err)
	}
	if err := s.snapshots().Restore("fresh", back); err == nil || dataOf(t, s) != now {
		t.Errorf("a machine of the snapshot is away: %v; the machines hold %s", err, dataOf(t, s))
	}
	if err := os.Rename(two+"-away", two); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a snapshot stays as it is
		if err := s.snapshots().Restore("fresh", back); err != nil || dataOf(t, s) != then {
			t.Errorf("%v; the machines hold %s", err, dataOf(t, s))
		}
		putFile(t, filepath.Join(s.dirOf("one"), ownFiles, "etc", "data"), "one later")
	}
}

func TestAMachineThatWasNeverUpHasNoSnapshot(t *testing.T) {
	s := newDisks(t)
	if err := s.allThere(); err != nil {
		t.Error(err)
	}
	if err := os.RemoveAll(s.dirOf("two")); err != nil {
		t.Fatal(err)
	}
	target := &Target{machines: s}
	err := target.SaveSnapshot(t.Context(), "fresh", nil)
	if !errs.Is(err, errs.Usage) || err.Error() != "machine two was never up" || errs.FixOf(err) == "" {
		t.Error(err)
	}
	if err := target.RestoreSnapshot(t.Context(), "fresh", nil); !errs.Is(err, errs.NotFound) {
		t.Error(err)
	}
}
