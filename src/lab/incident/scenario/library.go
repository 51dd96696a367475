package scenario

import (
	"cmp"
	"embed"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"chatlab/src/errs"
)

//go:embed library/*.yml
var library embed.FS

const folder = "library"

// All returns the embedded scenarios, the easiest first.
func All() ([]*Scenario, error) {
	entries, err := fs.ReadDir(library, folder)
	if err != nil {
		return nil, errs.E(errs.Failed, "scenarios: %w", err)
	}
	var out []*Scenario
	for _, e := range entries {
		text, _ := fs.ReadFile(library, path.Join(folder, e.Name()))
		s, err := Parse(e.Name(), text, nil)
		if err != nil {
			return nil, err
		}
		s.Name = strings.TrimSuffix(e.Name(), ".yml")
		out = append(out, s)
	}
	slices.SortStableFunc(out, func(a, b *Scenario) int { return cmp.Compare(a.Level, b.Level) })
	return out, nil
}

// Text returns the file of an embedded scenario. Code usage, with a near name.
func Text(name string) ([]byte, error) {
	text, err := fs.ReadFile(library, path.Join(folder, name+".yml"))
	if err == nil {
		return text, nil
	}
	entries, _ := fs.ReadDir(library, folder)
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yml"))
	}
	return nil, errs.E(errs.Usage, "no incident %q", name).WithFix("%s", oneOf(name, names))
}

// Read returns the text and the name of a scenario file. Code usage.
func Read(file string) (name string, text []byte, err error) {
	text, err = os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, errs.E(errs.Usage, "no file %s", file).WithFix("name a scenario file; `lab incident list` names the embedded ones")
	} else if err != nil {
		return "", nil, errs.E(errs.Usage, "scenario: %w", err)
	}
	base := filepath.Base(file)
	return strings.TrimSuffix(base, filepath.Ext(base)), text, nil
}

// Draw returns one of the scenarios, by a seed. Level 0 means any. fits tells why one
// cannot be played, or "". Code usage when none is left.
func Draw(all []*Scenario, level int, seed uint64, fits func(*Scenario) string) (*Scenario, error) {
	var left []*Scenario
	for _, s := range all {
		if (level == 0 || s.Level == level) && fits(s) == "" {
			left = append(left, s)
		}
	}
	if len(left) == 0 {
		return nil, errs.E(errs.Usage, "no incident of this level can be played on this lab").WithFix("`lab incident list` says why")
	}
	return left[rand.New(rand.NewPCG(seed, seed)).IntN(len(left))], nil
}
