package natslog

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAPeersFileThatCannotBeUsedIsToldOnceAndShown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	p := &peers{node: "one"}
	p.file.Path = path
	const good = "one 127.0.0.1:6222\ntwo 127.0.0.2:6222\nthree 127.0.0.3:6222\n"
	for _, step := range []struct {
		what, text string // text "": the file is removed
		errors     int    // of two reads
		bad        bool
	}{
		{"good", good, 0, false},
		{"empty line of nobody", "nonsense\n", 1, true},
		{"good again", good, 0, false},
		{"gone", "", 1, true},
		{"back, unchanged", good, 0, false},
		{"without this one", "two 127.0.0.2:6222\n", 1, true},
	} {
		if step.text == "" {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(path, []byte(step.text), 0o600); err != nil {
			t.Fatal(err)
		}
		errors := 0
		for range 2 {
			if _, err := p.read(); err != nil {
				errors++
			}
		}
		if errors != step.errors || p.bad() != step.bad {
			t.Errorf("%s: told %d times, want %d; bad is %v", step.what, errors, step.errors, p.bad())
		}
		if names := len(p.all()); names != 3 {
			t.Errorf("%s: %d names are in force, want 3", step.what, names)
		}
	}
}
