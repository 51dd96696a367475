package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/mistakes.golden anew")

// Ordinary mistakes are told in one line, with a fix in another, and status 2; nothing is
// left behind, and each command of a fix is one that lab takes. The file shows what a
// person types and reads.
func TestOrdinaryMistakes(t *testing.T) {
	const golden = "testdata/mistakes.golden"
	c := newCheckout(t)
	for name, text := range map[string]string{
		"bad.yml": "all: {hosts: {a: {}}}\n", "broken.yml": "a: [\n", "twice.csv": "kim\nkim\n",
	} {
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := entries(t, c.dir)
	want, err := os.ReadFile(golden)
	if err != nil && !*update {
		t.Fatal(err)
	}
	var got strings.Builder
	typed := 0
	for line := range strings.Lines(string(want)) {
		command, isCommand := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "$ ")
		if !isCommand {
			continue
		}
		typed++
		got.WriteString(line)
		got.WriteString(c.mistake(t, command))
		if after := entries(t, c.dir); after != before {
			t.Errorf("%s leaves %s, there was %s", command, after, before)
			before = after
		}
	}
	if typed < 60 {
		t.Errorf("%d mistakes only", typed)
	}
	if *update {
		err = os.WriteFile(golden, []byte(got.String()), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !*update && got.String() != string(want) {
		t.Errorf("%s is not what lab says (-update writes it anew):\n%s", golden, got.String())
	}
}

func entries(t *testing.T, dir string) string {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range all {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

var pasted = regexp.MustCompile("`([^`]+)`")

// mistake types a command and returns what lab says, with `lab` in place of its path.
func (c checkout) mistake(t *testing.T, command string) string {
	t.Helper()
	stdout, said, status := c.shell("lab " + strings.TrimPrefix(command, "lab "))
	if status != 2 || stdout != "" {
		t.Errorf("%s: status %d, standard output %q", command, status, stdout)
	}
	if lines := strings.Count(said, "\n"); lines < 1 || lines > 2 || !strings.HasPrefix(said, "lab: error: ") {
		t.Errorf("%s: not one line and a hint: %s", command, said)
	}
	for _, m := range pasted.FindAllStringSubmatch(said, -1) {
		if fix := m[1]; strings.HasPrefix(fix, c.lab) {
			if _, errOut, status := c.shell(fix + " --help"); status != 0 {
				t.Errorf("%s: lab does not take its own fix `%s`: %s", command, fix, errOut)
			}
		}
	}
	return strings.NewReplacer(c.lab, "lab", c.dir, "FOLDER").Replace(said)
}

// shell types a command where lab is on the path.
func (c checkout) shell(command string) (stdout, stderr string, status int) {
	var out, errOut strings.Builder
	cmd := exec.Command("bash", "-c", command)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.dir, &out, &errOut
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(c.lab)+":"+os.Getenv("PATH"))
	err := cmd.Run()
	return out.String(), errOut.String(), exitStatus(err)
}
