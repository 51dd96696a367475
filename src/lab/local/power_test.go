package local_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/disk"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/local"
	"chatlab/src/lab/local/supervisor"
	"chatlab/src/lab/mount"
)

// newPoweredRig is a rig whose nodes get disks.
func newPoweredRig(t *testing.T) *rig {
	t.Helper()
	if err := disk.Possible(); err != nil {
		t.Skip(err)
	}
	r := newRig(t)
	r.power()
	t.Cleanup(func() {
		if err := mount.Unmount(r.state); err != nil {
			t.Error(err)
		}
	})
	return r
}

// power opens the target with --power.
func (r *rig) power() {
	r.t.Helper()
	inv, err := inventory.Load(r.inv)
	if err != nil {
		r.t.Fatal(err)
	}
	r.target, err = local.New(local.Config{
		State: r.state, Inventory: inv, Binaries: r.bin, Power: true,
		Supervisor: []string{filepath.Join(r.bin, "lab"), "supervise", "--state", r.state},
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// machine returns a node with its switch, and the folder of its disk.
func (r *rig) machine(node string) (lab.Powered, string) {
	r.t.Helper()
	host, err := r.target.Host(node)
	if err != nil {
		r.t.Fatal(err)
	}
	d, err := host.(lab.Lossy).Disk()
	if err != nil || !d.Own {
		r.t.Fatal(d, err)
	}
	return host.(lab.Powered), d.Dir
}

// noDisks demands that no disk is mounted below the state folder.
func (r *rig) noDisks() {
	r.t.Helper()
	if left := mount.Below(r.state); len(left) > 0 {
		r.t.Errorf("mounts left: %v", left)
	}
	if err := disk.Released(r.t.Context(), r.state); err != nil {
		r.t.Error(err)
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAPowerCutEndsANodeAndLosesWhatItHasNotWritten(t *testing.T) {
	r := newPoweredRig(t)
	r.up()
	before := r.status()
	machine, dir := r.machine("chat")
	cached := filepath.Join(dir, "cached")
	put(t, cached, "in memory")
	if err := machine.PowerOff(t.Context()); err != nil {
		t.Fatal(err)
	}
	off := r.status()
	for name, row := range off {
		if dark := row.Node == "chat"; dark != (row.PID == 0) || !dark && row.PID != before[name].PID {
			t.Errorf("%s after the cut: %+v", name, row)
		}
	}
	if err := machine.PowerOn(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, row := range r.status() {
		if row.State != lab.Ready {
			t.Errorf("%s after the power is back: %+v", name, row)
		}
	}
	if text, _ := os.ReadFile(cached); len(text) > 0 {
		t.Errorf("the cut lost nothing: %q", text)
	}
	r.down(false)
	r.noDisks()
}

func TestAPowerCutThatWasBrokenOffIsPutRight(t *testing.T) {
	for name, breakOff := range map[string]func(*testing.T, *rig, disk.Disk){
		"before the disk is cut": func(*testing.T, *rig, disk.Disk) {},
		"before it is unmounted": func(t *testing.T, r *rig, d disk.Disk) {
			if err := d.Cut(); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newPoweredRig(t)
			r.up()
			machine, dir := r.machine("chat")
			if err := supervisor.Halt(t.Context(), local.RunDir(r.state), "chat"); err != nil {
				t.Fatal(err)
			}
			breakOff(t, r, disk.Disk{Image: filepath.Join(local.RunDir(r.state), "disks", "chat"), At: dir})
			if err := machine.PowerOn(t.Context()); err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(dir, "after"), "it can be written")
			if row := r.status()["chat/chatd"]; row.State != lab.Ready {
				t.Errorf("%+v", row)
			}
			r.down(true)
			r.noDisks()
		})
	}
}

func TestTheDisksStayUntilPurgeWithTheData(t *testing.T) {
	r := newRig(t)
	if err := disk.Possible(); err != nil {
		t.Skip(err)
	}
	r.up()
	path := filepath.Join(local.RunDir(r.state), "data", "chat", "chatd", "line")
	put(t, path, "said before")
	r.power()
	if err := r.target.Up(t.Context(), lab.Silent{}); !errs.Is(err, errs.Usage) || !strings.Contains(errs.FixOf(err), "lab down") {
		t.Errorf("disks for a lab that is up: %v", err)
	}
	r.down(false)
	r.up()
	r.down(false)
	r.noDisks()
	r.write(read(t, r.inv)) // as without --power
	r.up()
	// Each disk is mounted on a mount of its folder.
	if read(t, path) != "said before" || len(mount.Below(r.state)) != 2*3 {
		t.Errorf("%q, mounts %v", read(t, path), mount.Below(r.state))
	}
	r.down(true)
	r.noDisks()
}

func TestALabThatDoesNotComeUpLeavesNoDisks(t *testing.T) {
	r := newPoweredRig(t)
	if err := os.Remove(filepath.Join(r.bin, "healthd")); err != nil {
		t.Fatal(err)
	}
	if err := r.target.Up(t.Context(), lab.Silent{}); !errs.Is(err, errs.Usage) {
		t.Errorf("%v", err)
	}
	r.noDisks()
}

func TestALabWithoutDisksSaysWhy(t *testing.T) {
	r := newRig(t)
	host, err := r.target.Host("chat")
	if err != nil {
		t.Fatal(err)
	}
	if _, powered := host.(lab.Powered); powered {
		t.Error("the power of a node without a disk can be cut")
	}
	if _, err := host.(lab.Lossy).Disk(); !errs.Is(err, errs.Usage) {
		t.Errorf("%v", err)
	}
}
