package lab

import (
	"os"
	"path/filepath"

	"chatlab/src/errs"
)

// StateFiles are the files that commands leave in the state folder of every target.
var StateFiles = []string{"client.yaml", "drill.json", "drill.json.lock", "drill.running"}

// Purge removes [StateFiles] and the named files and folders of a target from its state
// folder, and the folder itself if nothing else is in it: a user may have put something
// beside them. Code failed.
func Purge(state string, names ...string) error {
	for _, name := range append(names, StateFiles...) {
		if err := os.RemoveAll(filepath.Join(state, name)); err != nil {
			return errs.E(errs.Failed, "purge: %w", err)
		}
	}
	_ = os.Remove(state) // only if it is empty now
	return nil
}
