package nspawn

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"chatlab/src/errs"
	"chatlab/src/lab/mount"
)

// underSystemd tells whether this host was booted by systemd, which then owns
// the control groups.
func underSystemd() bool {
	_, err := os.Stat("/run/systemd/system")
	return err == nil
}

// scope is what a machine's command begins with: under systemd it gets a scope
// of its own, whose control groups it may manage.
func (m *machine) scope() []string {
	if !underSystemd() {
		return nil
	}
	return []string{"systemd-run", "--scope", "--quiet", "--collect", "--unit=" + m.name, "--property=Delegate=yes"}
}

// hierarchies lists where control groups are mounted.
func hierarchies() []string {
	var out []string
	for _, m := range mount.Table() {
		if m.Kind == "cgroup" || m.Kind == "cgroup2" {
			out = append(out, m.At)
		}
	}
	return out
}

// makeGroups makes a control group for a machine in every hierarchy; under
// systemd its scope does.
func makeGroups(name string) ([]string, error) {
	if underSystemd() {
		return nil, nil
	}
	var out []string
	for _, h := range hierarchies() {
		dir := filepath.Join(h, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, errs.E(errs.Failed, "control group: %w", err)
		}
		for _, f := range []string{"cpuset.cpus", "cpuset.mems"} { // a new one is empty, and takes no process
			if text, err := os.ReadFile(filepath.Join(h, f)); err == nil {
				_ = os.WriteFile(filepath.Join(dir, f), text, 0o644)
			}
		}
		out = append(out, dir)
	}
	return out, nil
}

// removeGroups removes a machine's control groups; it fails while a process is
// in one.
func removeGroups(name string) error {
	if underSystemd() {
		return nil
	}
	var all []error
	for _, h := range hierarchies() {
		var dirs []string
		_ = filepath.WalkDir(filepath.Join(h, name), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		slices.Reverse(dirs)
		for _, d := range dirs {
			if err := os.Remove(d); err != nil && !os.IsNotExist(err) {
				all = append(all, err)
			}
		}
	}
	return errors.Join(all...)
}
