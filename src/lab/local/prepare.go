package local

import (
	"os"
	"path/filepath"
	"time"

	"chatlab/src/errs"
	"chatlab/src/files"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/local/supervisor"
	"chatlab/src/lab/pki"
	"chatlab/src/token"
)

// prepare writes folders, secrets and configuration, and returns the plan.
// What is there and good is left alone.
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

// secrets makes the signing key, the CA and the certificates that lack.
func (t *Target) secrets(now time.Time) error {
	if err := t.signingKey(); err != nil {
		return err
	}
	ca, err := pki.Open(t.secret(""), now)
	if err != nil {
		return err
	}
	type cert struct {
		name  string
		hosts []string
	}
	certs := []cert{{"lab", []string{"lab"}}}
	for _, n := range t.inv.Nodes {
		hosts := []string{n.Name, n.Private.String()}
		certs = append(certs, cert{n.Name + "-logger", hosts})
		for _, service := range []string{inventory.Logd, inventory.Chatd} {
			if isMember(t.inv, service, n) {
				certs = append(certs, cert{n.Name + "-" + service, hosts})
			}
		}
	}
	for _, c := range certs {
		if _, err := ca.Ensure(c.name, c.hosts, now); err != nil {
			return err
		}
	}
	return nil
}

// signingKey makes jwt.key unless there is one. A file that cannot be used is
// not replaced: it may have been edited, and tokens of it may be about.
func (t *Target) signingKey() error {
	path := t.secret("jwt.key")
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		if err := files.Update(path, []byte(token.NewKeyLine()), 0o600); err != nil {
			return errs.E(errs.Usage, "signing key: %w", err)
		}
		return nil
	}
	if err == nil {
		_, err = token.ParseKeys(text)
	}
	if err != nil {
		return errs.E(errs.Usage, "signing key %s: %w", path, err).WithFix("mend the file, or remove it: `lab up` makes a new one, and all users log in again")
	}
	return nil
}

// record keeps which inventory the lab was brought up with, and its text.
func (t *Target) record() error {
	path, err := filepath.Abs(t.inv.Path)
	if err != nil {
		return errs.E(errs.Usage, "inventory: %w", err)
	}
	if path == t.path("inventory.yml") {
		return nil // the copy is all that is left
	}
	text, err := os.ReadFile(path)
	if err == nil {
		err = files.Update(t.path("inventory.yml"), text, 0o600)
	}
	if err == nil {
		err = files.Update(t.path("inventory.path"), []byte(path+"\n"), 0o600)
	}
	if err != nil {
		return errs.E(errs.Usage, "inventory: %w", err)
	}
	return nil
}

func isMember(inv *inventory.Inventory, service string, n inventory.Node) bool {
	for _, m := range inv.Members(service) {
		if m == n {
			return true
		}
	}
	return false
}
