//go:build bench

package bench

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// upLimit is how long a lab may take from built programs to all checks green.
const upLimit = 5 * time.Second

// TestUp: a new lab, on loopback networks of its own, up and proved.
func TestUp(t *testing.T) {
	inventory, lab := newLab(t, 20+rand.IntN(200), "")
	defer lab("down", "--purge")
	begin := time.Now()
	out := lab("up", "--inventory", inventory)
	took := time.Since(begin)
	checks := regexp.MustCompile(`(?m)^\d+ checks: (\d+) ok, 0 failed, 0 skipped`).FindSubmatch(out)
	if checks == nil || bytes.Equal(checks[1], []byte("0")) {
		t.Fatalf("up did not prove the lab:\n%s", out)
	}
	row(t, fmt.Sprintf("lab up to %s checks green", checks[1]), took.Seconds(), "s", fmt.Sprintf("<= %.0f", upLimit.Seconds()), took <= upLimit)
}

// newLab writes the inventory of a lab on the loopback network 127.net, with
// more variables, and returns its path and what runs a command of the lab.
func newLab(t *testing.T, net int, vars string) (inventory string, lab func(args ...string) []byte) {
	t.Helper()
	inventory = filepath.Join(t.TempDir(), "hosts.yml")
	state := filepath.Join(t.TempDir(), "lab")
	text, err := os.ReadFile("../../ansible/inventories/local/hosts.yml")
	if err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`127\.0\.(\d+)\.`).ReplaceAll(text, fmt.Appendf(nil, "127.%d.$1.", net))
	text = bytes.Replace(text, []byte("  vars:\n"), []byte("  vars:\n"+vars), 1)
	if err := os.WriteFile(inventory, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return inventory, func(args ...string) []byte {
		t.Helper()
		out, err := exec.Command(binary(t, "lab"), append(args, "--state", state)...).CombinedOutput()
		if err != nil {
			t.Fatalf("lab %s: %v\n%s", args[0], err, out)
		}
		return out
	}
}
