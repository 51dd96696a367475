package local_test

import (
	"os"
	"path/filepath"
	"testing"

	"chatlab/src/errs"
)

// TestOneServerDoesNotStartOnTheLogOfSeveral: it may lack the end of it. A lab whose chat
// server has a log of its own comes up, whatever names an earlier one left.
func TestOneServerDoesNotStartOnTheLogOfSeveral(t *testing.T) {
	r := newRig(t)
	r.up()
	r.down(false)
	peers := filepath.Join(r.state, "local", "etc", "chatd.peers")
	if err := os.WriteFile(peers, []byte("log 127.0.0.1:1\nchat 127.0.0.1:2\nauth 127.0.0.1:3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.up()
	r.down(false)
	if _, err := os.Stat(peers); err == nil {
		t.Error("the names of the other chat servers stay")
	}
	if err := os.WriteFile(peers, []byte("log 127.0.0.1:1\nchat 127.0.0.1:2\nauth 127.0.0.1:3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(r.state, "local", "data", "chat", "chatd", "jetstream", "$SYS", "_js_", "_meta_"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := r.target.Up(t.Context(), &r.steps); !errs.Is(err, errs.Usage) || errs.FixOf(err) == "" {
		t.Errorf("%v", err)
	}
}
