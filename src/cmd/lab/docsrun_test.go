package main

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// documentPatience is how long one command of a document may take, and how long a line may be away.
const documentPatience = 5 * time.Minute

// A console block says where its commands run, in the word behind `console`:
//
//	(none), NAME  local, played by this test; NAME is a terminal of its own
//	root          as root; with CHATLAB_DOCUMENTS=root, as `make full` does
//	machines      as root, and makes machines; with CHATLAB_DOCUMENTS=machines
//	ci            a target of make that .ci/run calls
//	elsewhere     nothing runs it: it needs machines or programs that this one lacks
const (
	asRoot    = "root"
	machines  = "machines"
	byCI      = "ci"
	elsewhere = "elsewhere"
)

// Documents do what they say: each command is typed as it stands there, must succeed, and
// each line that the document shows must come. Each document has a fresh clone and an
// instance with addresses of its own; its blocks run in their order. Only two things are
// other than written: the numbers of instances, and how long a drill makes faults.
func TestDocumentsRun(t *testing.T) {
	where := os.Getenv("CHATLAB_DOCUMENTS")
	programs(t) // skips, and fills the build cache
	for path, text := range documents(t) {
		if folder := filepath.Base(filepath.Dir(path)); folder != ".." && folder != "docs" {
			continue
		}
		here := slices.DeleteFunc(consoles(text), func(b block) bool { return b.place() != where })
		t.Run(filepath.Base(path), func(t *testing.T) {
			if len(here) == 0 {
				t.Skipf("no block of it is for %q", cmp.Or(where, "local"))
			}
			if where == "" {
				t.Parallel()
			}
			playAll(t, here, text)
		})
	}
}

// CI plays the blocks that it is said to play.
func TestDocumentsLeaveToCIWhatItRuns(t *testing.T) {
	run, err := os.ReadFile("../../../.ci/run")
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range documents(t) {
		for _, b := range consoles(text) {
			for _, line := range b.lines {
				command, isCommand := strings.CutPrefix(comment.ReplaceAllString(line, ""), "$ ")
				if b.place() == byCI && (!isCommand || !strings.Contains(string(run), command+"\n")) {
					t.Errorf("%s, line %d: .ci/run has no `%s`", path, b.line, command)
				}
			}
		}
	}
}

// A wrong command, a wrong output and a line too many each make a document fail.
func TestAWrongDocumentIsFound(t *testing.T) {
	for name, wrong := range map[string][]string{
		"command":  {"$ echo one; false"},
		"output":   {"$ echo one", "two"},
		"too much": {"$ echo one; echo two", "one"},
		"too few":  {"$ echo one", "one", "two"},
	} {
		c := &classroom{dir: t.TempDir(), terminals: map[string]*terminal{}}
		if err := c.play(block{lines: wrong}); err == nil {
			t.Errorf("%s: %q passes", name, wrong)
		}
	}
	c := &classroom{dir: t.TempDir(), terminals: map[string]*terminal{}}
	if err := c.play(block{lines: []string{"$ echo one; echo 42 s; echo three", "one", "… s", "…", "$ echo unseen # by the document"}}); err != nil {
		t.Error(err)
	}
}

// playAll plays the blocks of a document in a fresh clone, and takes its lab down.
func playAll(t *testing.T, blocks []block, text string) {
	t.Helper()
	c := freshClone(t, blocks[0].place())
	t.Cleanup(func() {
		for _, term := range c.terminals {
			term.end()
		}
		for _, left := range c.labs {
			if out, err := c.command("bin/lab down --purge " + left).CombinedOutput(); err != nil {
				t.Errorf("down %s: %v\n%s", left, err, out)
			}
		}
	})
	if err := c.writeFiles(text); err != nil {
		t.Fatal(err)
	}
	if out, err := c.command("make -s build").CombinedOutput(); err != nil {
		t.Fatalf("make build: %v\n%s", err, out)
	}
	for _, b := range blocks {
		if err := c.play(b); err != nil {
			t.Fatal(err)
		}
	}
	for name, term := range c.terminals {
		if term.running() {
			t.Errorf("terminal %q is still busy at the document's end", name)
		}
	}
}

// block is one console of a document.
type block struct {
	line  int    // of the document
	word  string // behind `console`
	lines []string
}

// place is where a block runs; "" for here.
func (b block) place() string {
	if slices.Contains([]string{asRoot, machines, byCI, elsewhere}, b.word) {
		return b.word
	}
	return ""
}

var fenced = regexp.MustCompile("(?ms)^```([a-z]*)(?: ([a-z.]+))?\n(.*?)^```")

// consoles returns the console blocks of a document.
func consoles(text string) (out []block) {
	for _, m := range fenced.FindAllStringSubmatchIndex(text, -1) {
		part := func(i int) string {
			if m[2*i] < 0 {
				return ""
			}
			return text[m[2*i]:m[2*i+1]]
		}
		if part(1) == "console" {
			lines := strings.Split(strings.TrimSuffix(part(3), "\n"), "\n")
			out = append(out, block{line: 1 + strings.Count(text[:m[0]], "\n"), word: part(2), lines: lines})
		}
	}
	return out
}
