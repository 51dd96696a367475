package lab

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"chatlab/src/errs"
	"chatlab/src/files"
	"chatlab/src/lab/mark"
)

// StateFiles are the files that commands leave in the state folder of every target.
var StateFiles = []string{"client.yaml", "drill.json", "drill.json.lock", "drill.running", "incident", mark.File}

// Holds tells whether a state folder has the file or folder of a target. Code usage when
// that cannot be told.
func Holds(state, name string) (bool, error) {
	_, err := os.Stat(filepath.Join(state, name))
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	}
	return false, errs.E(errs.Usage, "state folder: %w", err).WithFix("run it as the user that brought the lab up, or name another folder with --state")
}

// Lock keeps two who bring a lab up or down apart, by a file in a target's folder, which
// it makes. Code usage while another has it.
func Lock(folder string) (*files.Lock, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, errs.E(errs.Usage, "state folder: %w", err).WithFix("name a folder that you may write to with --state")
	}
	lock, err := files.TryLock(filepath.Join(folder, "up.lock"))
	if errs.Is(err, errs.Unavailable) {
		return nil, errs.E(errs.Usage, "another `lab up` or `lab down` is at work in %s", filepath.Dir(folder)).WithFix("wait for it, or end it")
	}
	return lock, err
}

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
