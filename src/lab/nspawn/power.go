package nspawn

import (
	"context"
	"os"
	"path/filepath"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/disk"
)

// diskSize is the size of a machine's disk, in bytes: for databases and the lists of
// packages.
const diskSize = 3 << 30

var _ lab.Lossy = (*host)(nil)

// disk describes the machine's disk, with paths as the kernel names them. All that
// services and databases keep is on it.
func (m *machine) disk() disk.Disk {
	dir := m.dir
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	return disk.Disk{Image: filepath.Join(dir, "disk"), At: filepath.Join(dir, "root", "var", "lib")}
}

// attachDisk mounts the machine's disk if it has one, or is to have one.
func (m *machine) attachDisk(ctx context.Context) error {
	d := m.disk()
	if m.power {
		if err := d.Make(ctx, diskSize); err != nil {
			return err
		}
	}
	if !d.Made() {
		return nil
	}
	return d.Attach()
}

// clear ends what a machine that does not run has left, and detaches its disk: after
// a power cut that was broken off it takes no write.
func (m *machine) clear(ctx context.Context) error {
	if err := kill(ctx, m.name); err != nil {
		return err
	}
	return m.disk().Detach(ctx)
}

// powerOff kills the machine at once, and its disk loses unwritten data.
func (m *machine) powerOff(ctx context.Context) error {
	end(m.name)
	if d := m.disk(); d.Attached() {
		if err := d.Cut(); err != nil {
			return err
		}
	}
	return m.clear(ctx)
}

// disksPossible refuses --power where no disks can be made, or not any more. Code usage.
func (s *Machines) disksPossible() error {
	if !s.cfg.Power {
		return nil
	}
	for i, n := range s.inv.Nodes {
		if m := s.machine(i, ""); len(running(m.name)) > 0 && !m.disk().Made() {
			return errs.E(errs.Usage, "machine %s is up, and its data cannot be moved to a disk now", n.Name).
				WithFix("`lab down --target nspawn`, then `lab up --target nspawn --power`")
		}
	}
	return disk.Possible()
}

// flushDisks writes to the disks what the playbook has changed: packages are unpacked
// without waiting for the disk.
func (s *Machines) flushDisks() error {
	for i := range s.inv.Nodes {
		if d := s.machine(i, "").disk(); d.Made() {
			if err := d.Flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Disk implements [lab.Lossy].
func (h *host) Disk() (lab.Disk, error) {
	if !h.t.machines.machine(h.index, "").disk().Made() {
		return lab.Disk{}, disk.Missing()
	}
	return lab.Disk{Dir: "/var/lib/chatlab", Own: true}, nil
}

// PowerOff implements [lab.Powered].
func (h *host) PowerOff(ctx context.Context) error {
	defer h.Close() // the connection is dead
	return h.t.machines.machine(h.index, "").powerOff(ctx)
}

// PowerOn implements [lab.Powered].
func (h *host) PowerOn(ctx context.Context) error {
	m := h.t.machines.machine(h.index, "")
	if _, err := os.Stat("/run/netns/" + m.name); err != nil {
		return nil // the lab is down
	}
	if len(running(m.name)) == 0 {
		if err := m.clear(ctx); err != nil {
			return err
		}
	}
	if err := m.mount(ctx); err != nil {
		return err
	}
	if err := m.start(); err != nil {
		return err
	}
	if err := h.t.machines.awaitBoot(ctx, m); err != nil {
		return err
	}
	return h.AwaitServices(ctx)
}
