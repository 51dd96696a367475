package check

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"chatlab/src/errs"
)

// Choose returns the checks whose names match one of the globs, in the order
// of the list; no glob means all. A glob is a [path.Match] pattern of the whole
// name, or the beginning of a name up to a dot: `auth`, `auth.token`, `*.none`.
// A glob that matches nothing is an error that lists near names (code usage).
func Choose(checks []Check, globs []string) ([]Check, error) {
	if len(globs) == 0 {
		return checks, nil
	}
	wanted := make([]bool, len(checks))
	for _, glob := range globs {
		if _, err := path.Match(glob, ""); err != nil {
			return nil, errs.E(errs.Usage, "%q is not a pattern", glob)
		}
		found := false
		for i, c := range checks {
			if matches(glob, c.Name) {
				wanted[i], found = true, true
			}
		}
		if !found {
			return nil, errs.E(errs.Usage, "no check is called %q; near it: %s", glob, strings.Join(near(glob, checks), " ")).
				WithFix("`lab check --list` shows them all")
		}
	}
	var out []Check
	for i, c := range checks {
		if wanted[i] {
			out = append(out, c)
		}
	}
	return out, nil
}

func matches(glob, name string) bool {
	if strings.HasPrefix(name, glob+".") {
		return true
	}
	ok, _ := path.Match(glob, name)
	return ok
}

// near returns the names that differ least from the requested one.
func near(glob string, checks []Check) []string {
	type distance struct {
		name string
		n    int
	}
	asked := strings.Trim(glob, "*?.")
	all := make([]distance, len(checks))
	for i, c := range checks {
		n := errs.Edits(asked, c.Name)
		for _, piece := range strings.Split(c.Name, ".") {
			n = min(n, errs.Edits(asked, piece))
		}
		all[i] = distance{c.Name, n}
	}
	slices.SortStableFunc(all, func(a, b distance) int { return cmp.Compare(a.n, b.n) })
	var out []string
	for _, d := range all[:min(4, len(all))] {
		out = append(out, d.name)
	}
	return out
}
