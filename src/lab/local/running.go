package local

import (
	"path/filepath"

	"chatlab/src/lab"
	"chatlab/src/lab/local/supervisor"
)

// Running lists the labs of this machine whose supervisor runs and can be seen.
func Running() []lab.Running {
	var out []lab.Running
	for _, s := range supervisor.All() {
		state := filepath.Dir(s.Folder)
		out = append(out, lab.Running{State: state, Target: Name, Instance: RecordedInstance(state), Since: s.Since})
	}
	return out
}
