package vagrant

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/snapshot"
)

// undo is a snapshot that is there while another one is restored.
const undo = "chatlab-undo"

func (t *Target) snapshots() snapshot.Store {
	return snapshot.Store{Dir: filepath.Join(t.cfg.State, "snapshots"), State: t.cfg.State}
}

// Snapshots implements [lab.Snapshotter].
func (t *Target) Snapshots(context.Context) ([]string, error) { return t.snapshots().Names() }

// SaveSnapshot implements [lab.Snapshotter] with the hypervisor's snapshots of
// machines that are switched off.
func (t *Target) SaveSnapshot(ctx context.Context, name string, p lab.Progress) error {
	if err := t.snapshots().Free(name); err != nil {
		return err
	}
	if name == undo {
		return errs.E(errs.Usage, "the name %s is taken by restoring", undo).WithFix("choose another name")
	}
	return t.atRest(ctx, p, func() error {
		return t.snapshots().Save(name, func(string) error { return t.take(ctx, name, p) })
	})
}

// RestoreSnapshot implements [lab.Snapshotter]. Machines that one of them could
// not follow go back to what they were before.
func (t *Target) RestoreSnapshot(ctx context.Context, name string, p lab.Progress) error {
	if err := t.snapshots().Known(name); err != nil {
		return err
	}
	return t.atRest(ctx, p, func() error {
		return t.snapshots().Restore(name, func(string) error { return t.goTo(ctx, name, p) })
	})
}

// atRest does something while the machines are switched off, in good order, and
// starts them again, whatever happened.
func (t *Target) atRest(ctx context.Context, p lab.Progress, act func() error) error {
	if err := t.allThere(ctx); err != nil {
		return err
	}
	t.Close()
	err := t.vagrant(ctx, p, "switch the machines off", "halt")
	if err == nil {
		err = act()
	}
	return errors.Join(err, t.again(context.WithoutCancel(ctx), p))
}

// allThere refuses a lab that lacks a machine: Vagrant passes over it without an
// error, and the remaining files would be no snapshot of the lab. Code usage.
func (t *Target) allThere(ctx context.Context) error {
	out, err := t.command(ctx, "status", "--machine-readable").Output()
	if err != nil {
		return errs.E(errs.Usage, "vagrant status: %w", err).WithFix("`vagrant status` says why")
	}
	for _, n := range t.cfg.Inventory.Nodes {
		if state := stateOf(n.Name, string(out)); state == "" || state == "not_created" {
			return errs.E(errs.Usage, "machine %s was never up", n.Name).WithFix("`lab up --target vagrant`")
		}
	}
	return nil
}

// stateOf finds a machine's state in what Vagrant prints for programs: lines of
// time,machine,kind,value.
func stateOf(node, text string) string {
	for line := range strings.Lines(text) {
		if f := strings.Split(strings.TrimSpace(line), ","); len(f) == 4 && f[1] == node && f[2] == "state" {
			return f[3]
		}
	}
	return ""
}

// take makes a snapshot of every machine, or of none.
func (t *Target) take(ctx context.Context, name string, p lab.Progress) error {
	err := t.vagrant(ctx, p, "snapshot "+name, "snapshot", "save", name)
	if err != nil {
		t.drop(ctx, name)
	}
	return err
}

// drop removes a snapshot of those machines that have it.
func (t *Target) drop(ctx context.Context, name string) {
	for _, n := range t.cfg.Inventory.Nodes {
		_ = t.call(context.WithoutCancel(ctx), "snapshot", "delete", n.Name, name) // one that is not there is well
	}
}

func (t *Target) goTo(ctx context.Context, name string, p lab.Progress) error {
	if err := t.take(ctx, undo, p); err != nil {
		return err
	}
	defer t.drop(ctx, undo)
	err := t.vagrant(ctx, p, "go back to "+name, "snapshot", "restore", "--no-start", name)
	if err == nil {
		return nil
	}
	back := context.WithoutCancel(ctx)
	if e := t.vagrant(back, p, "undo", "snapshot", "restore", "--no-start", undo); e != nil {
		return errs.E(errs.Failed, "%w; and the machines could not be put back: %w", err, e).WithFix("`lab down --target vagrant --purge`, then `lab up --target vagrant`")
	}
	return err
}

// again starts the machines and waits for their services.
func (t *Target) again(ctx context.Context, p lab.Progress) error {
	if err := t.boot(ctx, p); err != nil {
		return err
	}
	done := p.Step("services")
	err := t.awaitServices(ctx)
	done(err)
	return err
}

func (t *Target) awaitServices(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lab.Allow(t, powerOnLimit))
	defer cancel()
	var group errgroup.Group
	for _, n := range t.cfg.Inventory.Nodes {
		h, err := t.Machine(n.Name)
		if err != nil {
			return err
		}
		group.Go(func() error { return h.AwaitServices(ctx) })
	}
	return group.Wait()
}
