package nspawn

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/snapshot"
)

// A machine's state is its own folder over the image, and which image that is.
const (
	ownFiles = "upper"
	baseNote = "base"
)

func (s *Machines) snapshots() snapshot.Store {
	return snapshot.Store{Dir: filepath.Join(s.run(), "snapshots"), State: s.state}
}

// Snapshots implements [lab.Snapshotter].
func (t *Target) Snapshots(context.Context) ([]string, error) { return t.machines.snapshots().Names() }

// SaveSnapshot implements [lab.Snapshotter] with copies of the machines' files.
func (t *Target) SaveSnapshot(ctx context.Context, name string, p lab.Progress) error {
	store := t.machines.snapshots()
	if err := store.Free(name); err != nil {
		return err
	}
	return t.atRest(ctx, p, "snapshot "+name, func() error {
		return store.Save(name, func(dir string) error { return t.machines.copyTo(ctx, dir) })
	})
}

// RestoreSnapshot implements [lab.Snapshotter].
func (t *Target) RestoreSnapshot(ctx context.Context, name string, p lab.Progress) error {
	store := t.machines.snapshots()
	if err := store.Known(name); err != nil {
		return err
	}
	return t.atRest(ctx, p, "go back to "+name, func() error {
		return store.Restore(name, func(dir string) error { return t.machines.copyFrom(ctx, dir) })
	})
}

// atRest does something while the machines are switched off, in good order, and
// boots them again, whatever happened.
func (t *Target) atRest(ctx context.Context, p lab.Progress, step string, act func() error) error {
	if err := t.machines.allThere(); err != nil {
		return err
	}
	t.Close()
	err := t.machines.rested(ctx, p, step, act)
	again := context.WithoutCancel(ctx)
	if e := t.machines.Up(again, p); e != nil {
		return errors.Join(err, e)
	}
	done := p.Step("services")
	e := t.awaitServices(again)
	done(e)
	return errors.Join(err, e)
}

// allThere refuses a lab that lacks a machine, or has disks that snapshots do not
// keep. Code usage.
func (s *Machines) allThere() error {
	for i, n := range s.inv.Nodes {
		if s.machine(i, "").disk().Made() {
			return errs.E(errs.Usage, "a lab that was brought up with --power has no snapshots").
				WithFix("`lab down --target nspawn --purge`, then `lab up --target nspawn`")
		}
		if _, err := os.Stat(filepath.Join(s.dirOf(n.Name), ownFiles)); err != nil {
			return errs.E(errs.Usage, "machine %s was never up", n.Name).WithFix("`lab up --target nspawn`")
		}
	}
	return nil
}

func (s *Machines) rested(ctx context.Context, p lab.Progress, step string, act func() error) error {
	lock, err := lab.Lock(s.run())
	if err != nil {
		return err
	}
	defer lock.Unlock()
	done := p.Step("switch the machines off")
	err = s.stopAll(ctx)
	done(err)
	if err != nil {
		return err
	}
	done = p.Step(step)
	err = act()
	done(err)
	return err
}

func (s *Machines) dirOf(node string) string { return filepath.Join(s.run(), "machines", node) }

// copyTo copies each machine's state into a folder of its name.
func (s *Machines) copyTo(ctx context.Context, dir string) error {
	return s.each(func(node string) error {
		to := filepath.Join(dir, node)
		if err := os.Mkdir(to, 0o700); err != nil {
			return errs.E(errs.Failed, "%w", err)
		}
		return copyAll(ctx, s.dirOf(node), to)
	})
}

// copyFrom copies all machines' states beside those that they have; only when
// each is there, they take their places.
func (s *Machines) copyFrom(ctx context.Context, dir string) error {
	fresh := func(node string) string { return filepath.Join(s.dirOf(node), "fresh") }
	err := s.each(func(node string) error {
		if err := os.RemoveAll(fresh(node)); err != nil {
			return errs.E(errs.Failed, "%w", err)
		}
		if err := os.Mkdir(fresh(node), 0o700); err != nil {
			return errs.E(errs.Failed, "%w", err)
		}
		return copyAll(ctx, filepath.Join(dir, node), fresh(node))
	})
	var undo []func()
	for _, n := range s.inv.Nodes {
		if err != nil {
			break
		}
		var back func()
		if back, err = exchange(s.dirOf(n.Name), fresh(n.Name)); err == nil {
			undo = append(undo, back)
		}
	}
	if err != nil {
		for _, back := range undo {
			back()
		}
	}
	for _, n := range s.inv.Nodes {
		_ = os.RemoveAll(fresh(n.Name)) // what was exchanged, or copied in vain
	}
	return err
}

// copyAll copies a machine's state with all that overlayfs notes in it.
func copyAll(ctx context.Context, from, to string) error {
	_, err := output(ctx, "cp", "-a", "--reflink=auto", filepath.Join(from, ownFiles), filepath.Join(from, baseNote), to+"/")
	return err
}

// exchange swaps a machine's state with another one and returns what swaps it
// back.
func exchange(dir, with string) (back func(), err error) {
	swap := func(name string) error {
		at, other, aside := filepath.Join(dir, name), filepath.Join(with, name), filepath.Join(with, name+".aside")
		if err := os.Rename(at, aside); err != nil {
			return errs.E(errs.Failed, "%w", err)
		}
		if err := os.Rename(other, at); err != nil {
			return errs.E(errs.Failed, "%w", errors.Join(err, os.Rename(aside, at)))
		}
		return os.Rename(aside, other)
	}
	if err := os.RemoveAll(filepath.Join(dir, "work")); err != nil { // overlayfs' own, of the state that goes
		return nil, errs.E(errs.Failed, "%w", err)
	}
	if err := swap(ownFiles); err != nil {
		return nil, err
	}
	if err := swap(baseNote); err != nil {
		return nil, errors.Join(err, swap(ownFiles))
	}
	return func() { _, _ = swap(ownFiles), swap(baseNote) }, nil
}

// each does something for every machine at once.
func (s *Machines) each(act func(node string) error) error {
	var group errgroup.Group
	for _, n := range s.inv.Nodes {
		group.Go(func() error { return act(n.Name) })
	}
	return group.Wait()
}

func (t *Target) awaitServices(ctx context.Context) error {
	return t.machines.each(func(node string) error {
		h, err := t.Machine(node)
		if err != nil {
			return err
		}
		return h.AwaitServices(ctx)
	})
}
