package src

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// otherKeys are log keys for things that have another key: the right one.
var otherKeys = map[string]string{
	"error": "err", "address": "addr", "remote": "addr", "peer": "addr", "host": "node",
	"id": "user", "account": "user", "nick": "user", "sequence": "seq", "duration": "took", "elapsed": "took",
}

var (
	logCall = regexp.MustCompile(`\.(Debug|Info|Warn|Error)(Context)?\(.*`)
	logKey  = regexp.MustCompile(`, "([a-z_]+)", `)
)

func TestOneLogKeyForOneThing(t *testing.T) {
	calls := 0
	err := filepath.WalkDir(".", func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, call := range logCall.FindAllString(string(text), -1) {
			calls++
			for _, key := range logKey.FindAllStringSubmatch(call, -1) {
				if right, wrong := otherKeys[key[1]]; wrong {
					t.Errorf("%s: the key is %q, not %q: %s", path, right, key[1], call)
				}
			}
		}
		return err
	})
	if err != nil || calls < 50 {
		t.Fatalf("%d log calls found: %v", calls, err)
	}
}
