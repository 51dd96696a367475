package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"chatlab/src/lab/inventory"
)

// lessonPatience is how long one command of the lesson may take, and how long a line may be away.
const lessonPatience = 4 * time.Minute

// The first lesson does what it says: each command is typed as it stands there, and each
// line that the lesson shows must come. The lab is an instance with addresses of its own.
func TestTheFirstLesson(t *testing.T) {
	programs(t) // skips, and fills the build cache
	text, err := os.ReadFile("../../../docs/first-lesson.md")
	if err != nil {
		t.Fatal(err)
	}
	number := fmt.Sprint(1 + rand.IntN(inventory.MaxInstance))
	c := freshClone(t)
	c.env = append(os.Environ(), "CHATLAB_INSTANCE="+number, "CLIENT_CONFIG="+filepath.Join(c.dir, ".lab", "instance-"+number, "client.yaml"))
	t.Cleanup(func() {
		for _, term := range c.terminals {
			term.end()
		}
		purge := exec.Command("bin/lab", "down", "--purge")
		purge.Dir, purge.Env = c.dir, c.env
		if out, err := purge.CombinedOutput(); err != nil {
			t.Errorf("down: %v\n%s", err, out)
		}
	})
	blocks := blocksOf(strings.ReplaceAll(string(text), "127.0.75.", "127."+number+".75."), number)
	if len(blocks) < 10 {
		t.Fatalf("%d blocks", len(blocks))
	}
	for _, b := range blocks {
		c.play(b)
	}
	for name, term := range c.terminals {
		if term.running() {
			t.Errorf("terminal %q is still busy at the lesson's end", name)
		}
	}
}

// block is one console of the lesson.
type block struct {
	line     int
	terminal string
	lines    []string
}

var fence = regexp.MustCompile("^```(.*)$")

// blocksOf returns all fenced blocks: one that is no console would not be played, and is
// returned with the terminal "?".
func blocksOf(text, number string) (out []block) {
	text = strings.ReplaceAll(text, "127.0.123.", "127."+number+".123.")
	var open *block
	for i, line := range strings.Split(text, "\n") {
		mark := fence.FindStringSubmatch(line)
		switch {
		case mark != nil && open == nil:
			kind, terminal, _ := strings.Cut(mark[1], " ")
			if kind != "console" {
				terminal = "?"
			}
			open = &block{line: i + 1, terminal: terminal}
		case mark != nil:
			out = append(out, *open)
			open = nil
		case open != nil:
			open.lines = append(open.lines, line)
		}
	}
	return out
}

// classroom is a folder with a fresh clone, and the terminals that are open in it.
type classroom struct {
	t         *testing.T
	dir       string
	env       []string
	terminals map[string]*terminal
}

// freshClone copies the checkout as it is now, without built files.
func freshClone(t *testing.T) *classroom {
	t.Helper()
	c := &classroom{t: t, dir: t.TempDir(), terminals: map[string]*terminal{}}
	for _, name := range []string{"Makefile", "go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join("../../..", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(c.dir, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"src", "ansible"} {
		if err := os.CopyFS(filepath.Join(c.dir, name), os.DirFS(filepath.Join("../../..", name))); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// play types a block and compares the output.
func (c *classroom) play(b block) {
	c.t.Helper()
	if b.terminal == "?" {
		c.t.Fatalf("line %d: the block is no console, so nobody plays it", b.line)
	}
	term := c.terminals[b.terminal]
	if term == nil {
		term = &terminal{name: b.terminal}
		c.terminals[b.terminal] = term
	}
	skip := false // of the lines up to the next that is named
	for i, line := range b.lines {
		where := fmt.Sprintf("line %d, `%s`", b.line+1+i, line)
		switch command, isCommand := strings.CutPrefix(line, "$ "); {
		case isCommand:
			c.ended(term, where)
			if err := term.start(c, command); err != nil {
				c.t.Fatalf("%s: %v", where, err)
			}
		case line == "…":
			skip = true
			continue
		case line == "^C":
			term.interrupt()
			c.ended(term, where)
		default:
			if err := term.says(line, skip); err != nil {
				c.t.Fatalf("%s: %v", where, err)
			}
		}
		skip = false
	}
	last := b.lines[len(b.lines)-1]
	if b.terminal == "" || last == "/quit" || last == "signup successful" {
		c.ended(term, fmt.Sprintf("line %d: the block's last command", b.line))
	}
}

// ended waits for the command before, which must have gone well.
func (c *classroom) ended(term *terminal, where string) {
	c.t.Helper()
	if err := term.wait(); err != nil {
		c.t.Fatalf("%s: the command before it: %v\n%s", where, err, term.seen())
	}
}
