package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"chatlab/src/app"
)

var (
	codeBlock = regexp.MustCompile("(?ms)^```[a-z]*\n(.*?)^```")
	labLine   = regexp.MustCompile(`(?:^|[$#] |&& |\| |; |^)(?:\./)?bin/lab ([^|&;\n]*)`)
	inline    = regexp.MustCompile("`(?:bin/)?lab ([a-z][^`\n]*)`")
	comment   = regexp.MustCompile(`\s+# .*$`)
	target    = regexp.MustCompile(`(?m)^([a-z0-9-]+):`)
	made      = regexp.MustCompile(`(?:^|[$#] |\x60)make ([a-z0-9-]+)`)
)

// documents are all texts that show commands, by their paths.
func documents(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "*/README.md", "ansible/*/*/README.md"} {
		paths, err := filepath.Glob(filepath.Join("..", "..", "..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			out[path] = string(text)
		}
	}
	return out
}

// commands are the words behind `lab` of each command that a document shows, in a codeBlock or
// in a line of text.
func commands(text string) []string {
	var out []string
	for _, shown := range codeBlock.FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(shown[1]) {
			line = comment.ReplaceAllString(strings.TrimSpace(line), "")
			for _, m := range labLine.FindAllStringSubmatch(line, -1) {
				out = append(out, strings.TrimSpace(m[1]))
			}
		}
	}
	for _, m := range inline.FindAllStringSubmatch(codeBlock.ReplaceAllString(text, ""), -1) {
		out = append(out, m[1])
	}
	return out
}

// understood reports why lab does not take the words, or "".
func understood(words string) string {
	words = strings.NewReplacer("'", "", "|", " ", "…", "", " N", " 1", "[", "", "]", "").Replace(words)
	root := newRoot(&options{env: &app.Env{Name: "lab"}})
	cmd, rest, err := root.Find(strings.Fields(words))
	if err != nil || cmd == root {
		return "there is no such command"
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err.Error()
	}
	return ""
}

func TestDocumentsShowCommandsThatThereAre(t *testing.T) {
	n := 0
	for path, text := range documents(t) {
		for _, words := range commands(text) {
			if why := understood(words); why != "" {
				t.Errorf("%s: lab %s: %s", path, words, why)
			}
			n++
		}
	}
	if n < 80 {
		t.Errorf("%d commands were found", n)
	}
	for words, known := range map[string]bool{"check --json": true, "chekc": false, "drill kill-chatd --fro 5s": false} {
		if why := understood(words); (why == "") != known {
			t.Errorf("lab %s: %q", words, why)
		}
	}
}

func TestDocumentsNameTargetsOfMake(t *testing.T) {
	text, err := os.ReadFile("../../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	for _, m := range target.FindAllStringSubmatch(string(text), -1) {
		known = append(known, m[1])
	}
	for path, text := range documents(t) {
		for _, m := range made.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(known, m[1]) {
				t.Errorf("%s: the Makefile has no target %s", path, m[1])
			}
		}
	}
}
