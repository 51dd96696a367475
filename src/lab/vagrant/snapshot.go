package vagrant

import (
	"context"
	"path/filepath"

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
	t.Close()
	if err := t.vagrant(ctx, p, "switch the machines off", "halt"); err != nil {
		return err
	}
	err := t.snapshots().Save(name, func(string) error { return t.take(ctx, name, p) })
	// Whatever happened, the lab was up.
	if e := t.again(context.WithoutCancel(ctx), p); err == nil {
		err = e
	}
	return err
}

// RestoreSnapshot implements [lab.Snapshotter]. Machines that one of them could
// not follow go back to what they were before.
func (t *Target) RestoreSnapshot(ctx context.Context, name string, p lab.Progress) error {
	if err := t.snapshots().Known(name); err != nil {
		return err
	}
	t.Close()
	if err := t.vagrant(ctx, p, "switch the machines off", "halt"); err != nil {
		return err
	}
	err := t.snapshots().Restore(name, func(string) error { return t.goTo(ctx, name, p) })
	if e := t.again(context.WithoutCancel(ctx), p); err == nil {
		err = e
	}
	return err
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
	err := t.vagrant(ctx, p, "go back to "+name, "snapshot", "restore", "--no-provision", name)
	if err == nil {
		return nil
	}
	back := context.WithoutCancel(ctx)
	if e := t.vagrant(back, p, "undo", "snapshot", "restore", "--no-provision", undo); e != nil {
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
