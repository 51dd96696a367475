package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// mutants are the promises that a chat server built with the tag mutant breaks, and
// the word of the verdict that must name each.
var mutants = []struct{ name, drill, word string }{
	{"", "none", ""},
	{"forget", "none", "lost"},
	{"drop", "none", "missing"},
	{"twice", "none", "doubled"},
	{"swap", "none", "reordered"},
	{"alter-text", "none", "altered"},
	{"alter-user", "none", "altered"},
	{"alter-shown", "none", "altered"},
	{"late", "flood", "late"},
}

func TestADrillFindsEachMutant(t *testing.T) {
	r := newRig(t)
	bin := filepath.Join(t.TempDir(), "bin")
	if err := os.CopyFS(bin, os.DirFS(filepath.Dir(r.lab))); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", "mutant", "-o", bin+"/", "chatlab/src/cmd/chatd")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	r.lab = filepath.Join(bin, "lab")
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir) // chatd has it too
	r.must("up", "--inventory", r.inv, "--no-check")
	for _, m := range mutants {
		if err := os.WriteFile(filepath.Join(dir, "chatlab-mutant"), []byte(m.name), 0o600); err != nil {
			t.Fatal(err)
		}
		reports, stderr, err := r.drills(m.drill, "--for", "1s", "--users", "6", "--rate", "100")
		want, status := "ok", 0
		if m.word != "" {
			want, status = "FAILED: "+m.word, 1
		}
		if len(reports) != 1 || reports[0].Verdict != want || exitStatus(err) != status {
			t.Errorf("mutant %q: status %d, want %q, %+v\n%s", m.name, exitStatus(err), want, reports, stderr)
			continue
		}
		// Every part of the account has looked at something.
		if got := reports[0]; got.ChatLogs[0].Stored == 0 || got.Events.Stored == 0 || got.Readers.Lines == 0 || got.Users.SignedUp == 0 {
			t.Errorf("mutant %q: %+v", m.name, got)
		}
	}
}
