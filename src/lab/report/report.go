// Package report writes a result to a file whose name says in which format.
package report

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"chatlab/src/errs"
	"chatlab/src/files"
)

// Formats are the kinds of report of a result, by the end of a file's name, as ".json".
type Formats[T any] map[string]func(T) ([]byte, error)

// Check makes sure, before the work is done, that its report can be saved. Code usage.
func (f Formats[T]) Check(path string) error {
	if f[end(path)] == nil {
		return errs.E(errs.Usage, "--report %s is no kind of report", path).WithFix("end it with %s", f.ends())
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return errs.E(errs.Usage, "--report %s: there is no folder %s", path, filepath.Dir(path)).WithFix("mkdir -p %s", filepath.Dir(path))
	}
	return nil
}

// Save writes a result in the format that the file's name asks for. Code failed.
func (f Formats[T]) Save(path string, result T) error {
	text, err := f[end(path)](result)
	if err == nil {
		err = files.Write(path, text, 0o644)
	}
	if err != nil {
		return errs.E(errs.Failed, "cannot write the report %s: %w", path, err)
	}
	return nil
}

func end(path string) string { return strings.ToLower(filepath.Ext(path)) }

func (f Formats[T]) ends() string {
	all := slices.Sorted(maps.Keys(f))
	last := len(all) - 1
	return strings.Join(all[:last], ", ") + " or " + all[last]
}

// JSON returns a result for programs.
func JSON[T any](result T) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(result)
	return out.Bytes(), err
}
