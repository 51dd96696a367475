// Package snapshot keeps what a target's machines were at one time under a
// name, beside the secrets that they had then.
package snapshot

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"chatlab/src/errs"
)

// Store is the snapshots of one lab.
type Store struct {
	Dir   string // of the snapshots
	State string // of the lab: its secrets and the client's file are kept too
}

// kept are the parts of the state folder that belong to the machines' state.
var kept = []string{"secrets", "client.yaml"}

// unfinished ends the name of a snapshot that is being made or was broken off.
const unfinished = ".new"

var valid = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$`)

// Names lists the snapshots, the oldest first.
func (s Store) Names() ([]string, error) {
	entries, err := os.ReadDir(s.Dir)
	if err != nil && !os.IsNotExist(err) {
		return nil, errs.E(errs.Failed, "snapshots: %w", err)
	}
	born := map[string]time.Time{}
	var out []string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !e.IsDir() || !valid.MatchString(e.Name()) {
			continue
		}
		born[e.Name()] = info.ModTime()
		out = append(out, e.Name())
	}
	slices.SortStableFunc(out, func(a, b string) int { return born[a].Compare(born[b]) })
	return out, nil
}

// Free tells whether a snapshot can get a name. Code usage.
func (s Store) Free(name string) error {
	if !valid.MatchString(name) {
		return errs.E(errs.Usage, "%q is no name of a snapshot", name).WithFix("letters, digits, - and _, at most 32")
	}
	if _, err := os.Stat(filepath.Join(s.Dir, name)); err == nil {
		return errs.E(errs.Usage, "there is a snapshot %s already", name).WithFix("choose another name")
	}
	return nil
}

// Known tells whether there is a snapshot of a name. Code not_found, with those
// that there are.
func (s Store) Known(name string) error {
	names, err := s.Names()
	if err != nil || slices.Contains(names, name) {
		return err
	}
	fix := "`lab snapshot save NAME` makes one"
	if len(names) > 0 {
		fix = "there are " + strings.Join(names, ", ")
	}
	return errs.E(errs.NotFound, "there is no snapshot %q", name).WithFix("%s", fix)
}

// Save makes a snapshot: what fill puts into its folder, and the secrets. It is
// there when all of it is.
func (s Store) Save(name string, fill func(dir string) error) error {
	if err := s.Free(name); err != nil {
		return err
	}
	dir := filepath.Join(s.Dir, name+unfinished)
	if err := os.RemoveAll(dir); err != nil { // of one that was broken off
		return errs.E(errs.Failed, "snapshot %s: %w", name, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return errs.E(errs.Failed, "snapshot %s: %w", name, err)
	}
	err := fill(dir)
	for _, part := range kept {
		if err == nil {
			err = copyTree(filepath.Join(s.State, part), filepath.Join(dir, part))
		}
	}
	if err == nil {
		err = os.Rename(dir, filepath.Join(s.Dir, name))
	}
	if err != nil {
		_ = os.RemoveAll(dir)
		return errs.E(errs.Failed, "snapshot %s: %w", name, err)
	}
	return nil
}

// Restore lets apply bring the machines back, and then the secrets. Code as of
// Known, failed.
func (s Store) Restore(name string, apply func(dir string) error) error {
	if err := s.Known(name); err != nil {
		return err
	}
	dir := filepath.Join(s.Dir, name)
	// Copied first, so that only renaming is left when the machines are back.
	for _, part := range kept {
		fresh := filepath.Join(s.State, part+unfinished)
		if err := os.RemoveAll(fresh); err != nil {
			return errs.E(errs.Failed, "snapshot %s: %w", name, err)
		}
		if err := copyTree(filepath.Join(dir, part), fresh); err != nil {
			return errs.E(errs.Failed, "snapshot %s: %w", name, err)
		}
	}
	if err := apply(dir); err != nil {
		for _, part := range kept {
			_ = os.RemoveAll(filepath.Join(s.State, part+unfinished))
		}
		return err
	}
	for _, part := range kept {
		if err := swap(filepath.Join(s.State, part)); err != nil {
			return errs.E(errs.Failed, "snapshot %s: the machines are back, %s is not: %w", name, part, err).WithFix("restore it again")
		}
	}
	return nil
}

// swap puts the copy in place.
func swap(path string) error {
	if _, err := os.Stat(path + unfinished); os.IsNotExist(err) {
		return os.RemoveAll(path) // there was none then
	}
	old := path + ".old"
	if err := os.RemoveAll(old); err != nil {
		return err
	}
	if err := os.Rename(path, old); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := os.Rename(path+unfinished, path); err != nil {
		return err
	}
	return os.RemoveAll(old)
}

// copyTree copies a file or a folder with its modes; a missing one is not
// copied.
func copyTree(from, to string) error {
	if _, err := os.Stat(from); os.IsNotExist(err) {
		return nil
	}
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		at := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(at, info.Mode().Perm())
		}
		return copyFile(path, at, info.Mode().Perm())
	})
}

func copyFile(from, to string, mode fs.FileMode) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	defer func() {
		if e := out.Close(); err == nil {
			err = e
		}
	}()
	_, err = io.Copy(out, in)
	return err
}
