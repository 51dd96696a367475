package src

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents are the texts for readers of the whole project, from this folder.
func documents(t *testing.T) map[string]string {
	t.Helper()
	paths := []string{"../README.md", "../CONTRIBUTING.md", "../CHANGELOG.md"}
	more, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, path := range append(paths, more...) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out[path] = string(text)
	}
	return out
}

// maxReadme is how many lines a stranger reads.
const maxReadme = 120

func TestReadmeIsShort(t *testing.T) {
	if n := strings.Count(documents(t)["../README.md"], "\n"); n > maxReadme {
		t.Errorf("README.md has %d lines, at most %d: move what is not for strangers to docs/", n, maxReadme)
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)#\s]*)(#[^)\s]*)?\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	inCode  = regexp.MustCompile("`([^`\n]+)`")
	inTree  = regexp.MustCompile(`^(src|ansible|vagrant|zabbix|grafana|docs|\.ci)/[A-Za-z0-9_./-]+$`)
	names   = regexp.MustCompile(`^Test[A-Z]\w+$`)
	example = regexp.MustCompile(`\b(NAME|DIR|FILE|NODE)\b`) // stands for a name
)

// anchor is what GitHub makes of a heading.
func anchor(title string) string {
	title = strings.ToLower(regexp.MustCompile("[^A-Za-z0-9 _-]").ReplaceAllString(title, ""))
	return "#" + strings.ReplaceAll(title, " ", "-")
}

func TestLinksLeadSomewhere(t *testing.T) {
	for path, text := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			to := path
			if m[1] != "" {
				to = filepath.Join(filepath.Dir(path), m[1])
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: the link %s leads nowhere", path, m[1])
				continue
			}
			if m[2] != "" && !slices.Contains(anchors(t, to), m[2]) {
				t.Errorf("%s: %s has no heading %s", path, to, m[2])
			}
		}
	}
}

// Commands stand in console blocks, which src/cmd/lab runs.
func TestCommandsStandInConsoles(t *testing.T) {
	block := regexp.MustCompile("(?ms)^```([^\n]*)\n(.*?)^```")
	command := regexp.MustCompile(`(?m)^([$#] )?(bin/\w+|make|vagrant|ansible-playbook|sudo|curl) `)
	for path, text := range documents(t) {
		for _, m := range block.FindAllStringSubmatch(text, -1) {
			if kind, _, _ := strings.Cut(m[1], " "); kind != "console" && command.MatchString(m[2]) {
				t.Errorf("%s: commands in a block of kind %q: make it a console block:\n%s", path, kind, m[2])
			}
		}
	}
}

func anchors(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range heading.FindAllStringSubmatch(string(text), -1) {
		out = append(out, anchor(m[1]))
	}
	return out
}

// Files, folders and tests that documents name in code are there.
func TestDocumentsNameWhatIsThere(t *testing.T) {
	tests := testNames(t)
	for path, text := range documents(t) {
		for _, m := range inCode.FindAllStringSubmatch(text, -1) {
			name := m[1]
			switch {
			case names.MatchString(name) && !slices.Contains(tests, name):
				t.Errorf("%s: there is no test %s", path, name)
			case inTree.MatchString(name) && !example.MatchString(name):
				if _, err := os.Stat(filepath.Join("..", name)); err != nil {
					t.Errorf("%s: there is no %s", path, name)
				}
			}
		}
	}
}

func testNames(t *testing.T) []string {
	t.Helper()
	var out []string
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range function.FindAllStringSubmatch(string(text), -1) {
			out = append(out, m[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
