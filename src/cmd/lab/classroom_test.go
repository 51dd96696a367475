package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"chatlab/src/lab/inventory"
)

// classroom is a folder with a fresh clone, and the terminals that are open in it.
type classroom struct {
	dir       string
	instance  int // number of the lab; every other one of the document is the next
	labs      []string
	terminals map[string]*terminal
}

// twoInstances returns a number; it and the next are nobody else's of these tests. Those
// of another run at the same time are others, too, most likely.
var twoInstances = func() func() int {
	const pairs = inventory.MaxInstance / 2
	first, taken := rand.IntN(pairs), new(atomic.Int32)
	return func() int { return 1 + 2*((first+int(taken.Add(1)))%pairs) }
}()

// freshClone copies the checkout as it is now, without built files.
func freshClone(t *testing.T, where string) *classroom {
	t.Helper()
	c := &classroom{dir: t.TempDir(), terminals: map[string]*terminal{}}
	if where == machines {
		c.labs = []string{"--target nspawn"}
	} else {
		c.instance = twoInstances()
		c.labs = []string{fmt.Sprintf("--instance %d", c.instance), fmt.Sprintf("--instance %d", c.instance+1)}
	}
	for _, name := range []string{"Makefile", "Vagrantfile", "go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join("../../..", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(c.dir, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"src", "ansible", "vagrant", "grafana", "zabbix"} {
		if err := os.CopyFS(filepath.Join(c.dir, name), os.DirFS(filepath.Join("../../..", name))); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// writeFiles writes each block whose word is the name of a file, as the reader would.
func (c *classroom) writeFiles(text string) error {
	for _, m := range fenced.FindAllStringSubmatch(text, -1) {
		if strings.Contains(m[2], ".") {
			if err := os.WriteFile(filepath.Join(c.dir, m[2]), []byte(m[3]), 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

// command is a command that is typed in the clone.
func (c *classroom) command(text string) *exec.Cmd {
	cmd := exec.Command("bash", "-c", text) // bash becomes a command that stands alone, so Ctrl-C is only for that
	cmd.Dir, cmd.Env = c.dir, os.Environ()
	if c.instance > 0 {
		state := filepath.Join(c.dir, ".lab", fmt.Sprintf("instance-%d", c.instance))
		cmd.Env = append(cmd.Env, fmt.Sprintf("CHATLAB_INSTANCE=%d", c.instance), "CLIENT_CONFIG="+filepath.Join(state, "client.yaml"))
	}
	return cmd
}

var (
	address  = regexp.MustCompile(`\b127\.0\.(75|123)\.`)
	another  = regexp.MustCompile(`--instance \d+`)
	duration = regexp.MustCompile(`--for \d+[sm]`)
	stays    = regexp.MustCompile(`  # .*Ctrl-C`) // a command that does not end
)

// meant is what a line of a document is in this clone: the lab has other addresses, and
// drills take a moment.
func (c *classroom) meant(line string) string {
	if c.instance == 0 {
		return line
	}
	line = address.ReplaceAllString(line, fmt.Sprintf("127.%d.$1.", c.instance))
	line = another.ReplaceAllString(line, fmt.Sprintf("--instance %d", c.instance+1))
	return duration.ReplaceAllString(line, "--for 5s")
}

// play types a block and compares the output: all of it, if the document shows any. The
// error names the line of the document.
func (c *classroom) play(b block) error {
	term := c.terminals[b.word]
	if term == nil {
		term = &terminal{name: b.word}
		c.terminals[b.word] = term
	}
	typed := fmt.Sprintf("line %d: the last command of terminal %q", b.line, b.word) // and where
	skip, compared := false, false                                                   // of the output up to the next line that is shown
	for i, line := range b.lines {
		line = c.meant(line)
		where := fmt.Sprintf("line %d, `%s`", b.line+1+i, line)
		command, isCommand := typedCommand(line)
		switch {
		case isCommand:
			if err := term.finish(compared && !skip); err != nil {
				return fmt.Errorf("%s: %w", typed, err)
			}
			typed, compared = where, false
			if err := term.start(c, command); err != nil {
				return fmt.Errorf("%s: %w", where, err)
			}
			if stays.MatchString(command) {
				if err := term.sees("…", false); err != nil {
					return fmt.Errorf("%s: %w", where, err)
				}
				term.interrupt()
			}
		case line == "^C":
			term.interrupt()
			skip, compared = true, true
			continue
		case line == "…":
			skip, compared = true, true
			continue
		default:
			if err := term.says(line, skip); err != nil {
				return fmt.Errorf("%s: %w", where, err)
			}
			compared = true
		}
		skip = false
	}
	if b.stays() {
		return nil
	}
	if err := term.finish(compared && !skip && b.word == ""); err != nil { // a client may say more
		return fmt.Errorf("%s: %w", typed, err)
	}
	return nil
}

// typedCommand returns the command of a line that shows one, after the prompt of a user
// or of root.
func typedCommand(line string) (string, bool) {
	for _, prompt := range []string{"$ ", "# "} {
		if command, is := strings.CutPrefix(line, prompt); is {
			return command, true
		}
	}
	return "", false
}

// stays reports whether the block's terminal is still busy at its end: people go on
// typing there, in a later block.
func (b block) stays() bool {
	last := b.lines[len(b.lines)-1]
	return b.word != "" && b.place() == "" && last != "/quit" && last != "^C" && last != "signup successful"
}
