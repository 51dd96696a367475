package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A class is signed up from a list, as often as one likes, and removed again.
func TestUsersOfAList(t *testing.T) {
	c := newCheckout(t)
	n := fmt.Sprint(twoInstances())
	t.Cleanup(func() { c.must("down", "--purge", "--quiet", "--instance", n) })
	c.must("up", "--quiet", "--instance", n)
	path := filepath.Join(c.dir, "class.csv")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	verb := func(name string) (lines []string, errOut string, status int) {
		out, errOut, status := c.run("users", name, path, "--instance", n)
		for line := range strings.Lines(out) {
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
		return lines, errOut, status
	}
	want := func(name string, wanted ...string) {
		t.Helper()
		if lines, errOut, status := verb(name); strings.Join(lines, "\n") != strings.Join(wanted, "\n") || status != 0 {
			t.Errorf("%s: %q, status %d, want %q\n%s", name, lines, status, wanted, errOut)
		}
	}
	write("kim,correct horse,kim@example.org\nlee\n")
	want("list", "kim missing", "lee missing")
	want("add", "kim added", "lee added")
	want("add", "kim there", "lee there") // with the passwords that were made
	want("list", "kim there", "lee there")

	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write("kim,another one,kim@example.org\nx y,correct horse,x@example.org\nann,correct horse,ann@example.org\n")
	lines, errOut, status := verb("add")
	if status != 1 || len(lines) != 3 || !strings.HasPrefix(lines[0], "kim refused id_taken: ") || !strings.HasPrefix(lines[1], "x y refused invalid_id: ") ||
		lines[2] != "ann added" || !strings.Contains(errOut, "2 of 3 users") {
		t.Errorf("status %d, %q\n%s", status, lines, errOut)
	}
	if lines, _, status := verb("remove"); status != 1 || !strings.HasPrefix(lines[0], "kim refused wrong_credentials: ") || lines[2] != "ann removed" {
		t.Errorf("remove by a wrong password: status %d, %q", status, lines)
	}
	write(string(whole))
	want("remove", "kim removed", "lee removed")
	want("remove", "kim missing", "lee missing")
	if out, errOut, status := c.run("users", "add", "--instance", n); status != 2 || strings.Count(errOut, "\n") != 2 {
		t.Errorf("no file: %d %s%s", status, out, errOut)
	}
}
