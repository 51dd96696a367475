package nspawn

import (
	"path/filepath"
	"slices"
	"strings"

	"chatlab/src/lab"
	"chatlab/src/lab/local/proc"
)

// Running lists the labs of this machine that have a machine which runs.
func Running() []lab.Running {
	var out []lab.Running
	for pid, args := range commands() {
		state := stateOf(args)
		since := proc.Process{PID: pid}.Started()
		if state == "" || since.IsZero() {
			continue
		}
		i := slices.IndexFunc(out, func(l lab.Running) bool { return l.State == state })
		switch {
		case i < 0:
			out = append(out, lab.Running{State: state, Target: Name, Since: since})
		case since.Before(out[i].Since):
			out[i].Since = since
		}
	}
	return out
}

// stateOf returns the state folder of a machine's command line: STATE/nspawn/machines/NODE/root.
func stateOf(args []string) string {
	for _, a := range args {
		if root, ok := strings.CutPrefix(a, "--directory="); ok {
			return filepath.Dir(filepath.Dir(filepath.Dir(filepath.Dir(root))))
		}
	}
	return ""
}
