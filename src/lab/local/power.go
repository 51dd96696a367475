package local

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/disk"
	"chatlab/src/lab/local/supervisor"
)

// diskSize is the size of a node's disk, in bytes: for a chat log, spools and users.
const diskSize = 512 << 20

var (
	_ lab.Lossy   = host{}
	_ lab.Powered = poweredHost{}
)

// diskOf describes the disk of a node, with paths as the kernel names them.
func (t *Target) diskOf(node string) disk.Disk {
	run := resolved(t.run())
	return disk.Disk{Image: filepath.Join(run, "disks", node), At: filepath.Join(run, "data", node)}
}

// powered reports whether the nodes have disks whose power can be cut.
func (t *Target) powered() bool {
	_, err := os.Stat(t.path("disks"))
	return err == nil
}

// attachDisks mounts the nodes' disks where the lab has some, or is to have some. It
// creates a missing disk from the node's data.
func (t *Target) attachDisks(ctx context.Context, p lab.Progress) error {
	if !t.power && !t.powered() {
		return nil
	}
	if err := disk.Possible(); err != nil {
		return err
	}
	_, alive := supervisor.Alive(t.run())
	if alive && !t.powered() {
		return errs.E(errs.Usage, "the lab is up, and its data cannot be moved to disks now").WithFix("`lab down`, then `lab up --power`")
	}
	if !alive { // a power cut that was broken off leaves disks that take no write
		if err := t.clear(p); err != nil {
			return err
		}
		if err := t.detachDisks(ctx); err != nil {
			return err
		}
	}
	done := p.Step("disks")
	err := t.makeDisks(ctx)
	done(err)
	if err != nil {
		return err
	}
	return t.folders() // on the disks
}

func (t *Target) makeDisks(ctx context.Context) error {
	for _, n := range t.inv.Nodes {
		d := t.diskOf(n.Name)
		if err := d.Make(ctx, diskSize); err != nil {
			_ = os.Remove(t.path("disks")) // only if it is empty: this lab has no disks then
			return err
		}
		if err := d.Attach(); err != nil {
			return err
		}
	}
	return nil
}

// detachDisks leaves no mount and no loop device, whatever the inventory says now.
func (t *Target) detachDisks(ctx context.Context) error {
	images, err := os.ReadDir(t.path("disks"))
	if err != nil {
		return nil // the lab has none
	}
	var all []error
	for _, image := range images {
		all = append(all, t.diskOf(image.Name()).Detach(context.WithoutCancel(ctx)))
	}
	return errors.Join(all...)
}

// Disk implements [lab.Lossy].
func (h host) Disk() (lab.Disk, error) {
	if !h.t.powered() {
		return lab.Disk{}, disk.Missing()
	}
	return lab.Disk{Dir: h.t.data(h.node), Own: true}, nil
}

// poweredHost is a node whose data is on a disk of its own.
type poweredHost struct{ host }

// PowerOff implements [lab.Powered]: the node's processes end, and its disk loses
// unwritten data.
func (h poweredHost) PowerOff(ctx context.Context) error {
	if err := supervisor.Halt(ctx, h.t.run(), h.node); err != nil {
		return err
	}
	d := h.t.diskOf(h.node)
	if err := d.Cut(); err != nil {
		return err
	}
	return d.Detach(ctx)
}

// PowerOn implements [lab.Powered].
func (h poweredHost) PowerOn(ctx context.Context) error {
	if _, alive := supervisor.Alive(h.t.run()); !alive {
		return nil // `lab up` attaches the disks
	}
	rows, _, err := supervisor.Ask(ctx, h.t.run(), false)
	if err != nil {
		return err
	}
	rows = slices.DeleteFunc(rows, func(r supervisor.Status) bool { return r.Node != h.node || isChild(r) })
	if !slices.ContainsFunc(rows, func(r supervisor.Status) bool { return r.State == lab.Down }) {
		return nil
	}
	// A cut that was broken off may have come as far as any of its steps.
	if err := supervisor.Halt(ctx, h.t.run(), h.node); err != nil {
		return err
	}
	d := h.t.diskOf(h.node)
	if err := d.Detach(ctx); err != nil {
		return err
	}
	if err := d.Attach(); err != nil {
		return err
	}
	var group errgroup.Group
	for _, r := range rows {
		group.Go(func() error { return h.Do(ctx, r.Service, lab.Start) })
	}
	return group.Wait()
}
