package local

import (
	"os"
	"path/filepath"
	"strconv"
	"time"

	"chatlab/src/errs"
	"chatlab/src/files"
	"chatlab/src/lab/local/supervisor"
	"chatlab/src/lab/secrets"
)

// prepare writes folders, secrets and configuration, and returns the plan.
// Good files are left alone.
func (t *Target) prepare() (supervisor.Plan, error) {
	if err := t.folders(); err != nil {
		return supervisor.Plan{}, err
	}
	if err := t.secrets(time.Now()); err != nil {
		return supervisor.Plan{}, err
	}
	configs, err := t.configs()
	if err != nil {
		return supervisor.Plan{}, err
	}
	for path, text := range configs {
		if err := files.Update(path, text, 0o600); err != nil {
			return supervisor.Plan{}, errs.E(errs.Usage, "configuration: %w", err)
		}
	}
	return t.plan(configs)
}

func (t *Target) folders() error {
	dirs := []string{t.state, t.secret(""), t.run(), t.path("etc"), t.path("log")}
	for _, s := range t.services() {
		dirs = append(dirs, t.data(s.Node, s.Name))
		if s.Child != nil {
			dirs = append(dirs, t.data(s.Node, s.Child.Name))
		}
	}
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return errs.E(errs.Usage, "state folder: %w", err).WithFix("name a folder that you may write to with --state")
		}
	}
	return nil
}

// secrets makes the signing key, the CA and the certificates that are absent.
func (t *Target) secrets(now time.Time) error {
	_, err := t.store(now).Make()
	return err
}

func (t *Target) store(now time.Time) *secrets.Store {
	return &secrets.Store{Dir: t.secret(""), Inventory: t.inv, Processes: true, Now: now}
}

// record keeps which inventory and instance the lab was brought up with, and the
// inventory's text.
func (t *Target) record() error {
	if err := files.Update(t.path(instanceFile), []byte(strconv.Itoa(t.inv.Instance)+"\n"), 0o600); err != nil {
		return errs.E(errs.Usage, "instance: %w", err)
	}
	path, err := filepath.Abs(t.inv.Path)
	if err != nil {
		return errs.E(errs.Usage, "inventory: %w", err)
	}
	if path == t.path("inventory.yml") {
		return nil // the copy is all that is left
	}
	err = files.Update(t.path("inventory.yml"), t.inv.Text(), 0o600)
	if err == nil {
		err = files.Update(t.path("inventory.path"), []byte(path+"\n"), 0o600)
	}
	if err != nil {
		return errs.E(errs.Usage, "inventory: %w", err)
	}
	return nil
}
