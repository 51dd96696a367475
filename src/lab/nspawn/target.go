package nspawn

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"chatlab/src/errs"
	"chatlab/src/files"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/remote"
)

// Config says which lab, and where what it is made of stands.
type Config struct {
	State     string               // folder for machines, keys and secrets
	Inventory *inventory.Inventory // may be nil for Down
	Project   string               // folder with ansible/ and the Makefile
	Profile   string               // system of the machines, "": that which they have, or the default
	From      string               // part of the playbook to begin with, "": the whole
	Power     bool                 // each machine gets a disk whose power can be cut
}

// Target is a lab on machines of this host, set up by the playbook.
type Target struct {
	*remote.Target
	machines *Machines
	cfg      Config
}

var (
	_ lab.Target      = (*Target)(nil)
	_ lab.Publisher   = (*Target)(nil)
	_ lab.Snapshotter = (*Target)(nil)
	_ lab.Tunable     = (*host)(nil)
	_ lab.Networked   = (*host)(nil)
	_ lab.Powered     = (*host)(nil)
)

// New describes the lab of a state folder; it touches nothing. Fails with code
// usage.
func New(cfg Config) (*Target, error) {
	machines, err := NewMachines(cfg)
	if err != nil {
		return nil, err
	}
	t := &Target{machines: machines, cfg: cfg}
	if cfg.Inventory != nil {
		t.Target = remote.New(remote.Config{
			Inventory: cfg.Inventory, State: machines.state, Access: machines.Access(), Embedded: true,
		})
	}
	return t, nil
}

// Name implements [lab.Target].
func (t *Target) Name() string { return Name }

// Up implements [lab.Target]: machines, packages, playbook.
func (t *Target) Up(ctx context.Context, p lab.Progress) error {
	if err := t.startable(ctx); err != nil {
		return err
	}
	if err := t.makePackages(ctx, p); err != nil {
		return err
	}
	if err := t.machines.Up(ctx, p); err != nil {
		return err
	}
	if err := t.record(); err != nil {
		return err
	}
	if err := t.Play(ctx, "site.yml", t.cfg.From, p); err != nil {
		return err
	}
	return t.machines.flushDisks()
}

// Down implements [lab.Target].
func (t *Target) Down(ctx context.Context, purge bool, p lab.Progress) error {
	if t.Target != nil {
		t.Close()
	}
	return t.machines.Down(ctx, purge, p)
}

// makePackages builds what the playbook installs; make does it only when
// something has changed.
func (t *Target) makePackages(ctx context.Context, p lab.Progress) error {
	done := p.Step("packages")
	_, err := output(ctx, "make", "--no-print-directory", "-s", "-C", t.cfg.Project, "packages")
	if err != nil && ctx.Err() == nil {
		err = errs.E(errs.Failed, "packages: %w", err).WithFix("`make packages` shows all of it")
	}
	done(err)
	return err
}

// record keeps which inventory the lab was brought up with.
func (t *Target) record() error {
	path, err := filepath.Abs(t.cfg.Inventory.Path)
	if err == nil {
		err = files.Update(filepath.Join(t.machines.run(), "inventory.path"), []byte(path+"\n"), 0o600)
	}
	if err != nil {
		return errs.E(errs.Usage, "inventory: %w", err)
	}
	return nil
}

// Recorded returns the inventory that the lab of a state folder was brought up
// with; "" when there was none, or it is gone.
func Recorded(state string) string {
	text, err := os.ReadFile(filepath.Join(state, Folder, "inventory.path"))
	path := strings.TrimSpace(string(text))
	if err != nil || path == "" {
		return ""
	}
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// Host implements [lab.Target].
func (t *Target) Host(node string) (lab.Host, error) {
	h, err := t.Machine(node)
	if err != nil {
		return nil, err
	}
	for i, n := range t.cfg.Inventory.Nodes {
		if n.Name == node {
			return &host{Host: h, index: i, t: t}, nil
		}
	}
	return nil, errs.E(errs.NotFound, "no node %q", node)
}
