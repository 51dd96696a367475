package src

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// nounless matches a relative clause without a noun: the reader must guess its subject.
var nounless = regexp.MustCompile(`(?i)\b(what|who) (has|is|are|was|does|lacks|comes|had)\b`)

// maxNounless is how many of them all comments may have, as "lists who is in the room".
const maxNounless = 20

func TestCommentsNameTheirSubjects(t *testing.T) {
	var found []string
	err := filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		text, err := os.ReadFile(path)
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "//") && nounless.MatchString(line) {
				found = append(found, path+": "+line)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) >= maxNounless {
		t.Errorf("%d relative clauses without a noun, fewer than %d are wanted:\n%s", len(found), maxNounless, strings.Join(found, "\n"))
	}
}
