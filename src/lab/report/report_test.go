package report_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chatlab/src/errs"
	"chatlab/src/lab/report"
)

var formats = report.Formats[map[string]int]{
	".json": report.JSON[map[string]int],
	".txt":  func(m map[string]int) ([]byte, error) { return []byte("text"), nil },
}

func TestTheNameSaysTheFormat(t *testing.T) {
	dir := t.TempDir()
	for name, want := range map[string]string{"a.json": "\"<\": 1", "b.TXT": "text"} {
		path := filepath.Join(dir, name)
		if err := formats.Check(path); err != nil {
			t.Fatal(err)
		}
		if err := formats.Save(path, map[string]int{"<": 1}); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	for path, fix := range map[string]string{"a.pdf": ".json or .txt", filepath.Join(dir, "no", "a.json"): "mkdir -p"} {
		if err := formats.Check(path); !errs.Is(err, errs.Usage) || !strings.Contains(errs.FixOf(err), fix) {
			t.Errorf("%s: %v, %s", path, err, errs.FixOf(err))
		}
	}
}
