package disk

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"chatlab/src/errs"
	"chatlab/src/lab/mount"
)

// attached is a disk of 16 MiB that had a file before it was made.
func attached(t *testing.T) Disk {
	t.Helper()
	if err := Possible(); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	d := Disk{Image: filepath.Join(dir, "disks", "chat"), At: filepath.Join(dir, "data", "chat")}
	if err := os.MkdirAll(d.At, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(d.At, "before"), "kept", false)
	if err := d.Make(t.Context(), 16<<20); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Detach(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	if err := d.Attach(); err != nil {
		t.Fatal(err)
	}
	return d
}

func write(t *testing.T, path, text string, flush bool) {
	t.Helper()
	f, err := os.Create(path)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err == nil && flush {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func text(d Disk, name string) string {
	text, _ := os.ReadFile(filepath.Join(d.At, name))
	return string(text)
}

func TestACutLosesWhatHasNotReachedTheDisk(t *testing.T) {
	d := attached(t)
	write(t, filepath.Join(d.At, "flushed"), "on disk", true)
	write(t, filepath.Join(d.At, "cached"), "in memory", false)
	if err := d.Cut(); err != nil {
		t.Fatal(err)
	}
	if err := d.Detach(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.Attach(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"before": "kept", "flushed": "on disk", "cached": ""} {
		if got := text(d, name); got != want {
			t.Errorf("%s holds %q after the cut, want %q", name, got, want)
		}
	}
}

func TestADetachedDiskLeavesNeitherMountNorLoopDevice(t *testing.T) {
	d := attached(t)
	write(t, filepath.Join(d.At, "later"), "stays", false)
	if loopBelow(filepath.Dir(d.Image)) == "" || !d.Attached() {
		t.Fatal("an attached disk has no loop device, or no mount")
	}
	if err := d.Detach(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := loopBelow(d.Image); left != "" || mount.At(d.At) {
		t.Errorf("left: loop device %q, mounted %t", left, mount.At(d.At))
	}
	if err := d.Attach(); err != nil || text(d, "later") != "stays" {
		t.Errorf("%v %q", err, text(d, "later"))
	}
}

// A machine that is started while disks are attached gets copies of their mounts.
func TestADiskIsDetachedInEveryNamespace(t *testing.T) {
	d := attached(t)
	other := exec.CommandContext(t.Context(), "unshare", "--mount", "--propagation", "slave", "sh", "-c", "echo; exec sleep 600")
	out, err := other.StdoutPipe()
	if err == nil {
		err = other.Start()
	}
	if err == nil {
		_, err = out.Read(make([]byte, 1)) // its namespace is made
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Detach(t.Context()); err != nil {
		t.Error(err)
	}
	_ = other.Process.Kill()
	_ = other.Wait()
}

func TestOnlyADiskOfItsOwnIsCut(t *testing.T) {
	dir := t.TempDir()
	folder, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }()
	if image := imageOf(folder); image != "" {
		t.Fatalf("%s is on the disk %s", dir, image) // a cut here would be the machine's
	}
	d := attached(t)
	other := Disk{Image: d.Image + "2", At: d.At}
	if err := other.Cut(); !errs.Is(err, errs.Failed) || !strings.Contains(err.Error(), "is not mounted") {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(filepath.Join(d.At, "alive"), nil, 0o600); err != nil {
		t.Error(err)
	}
}

func TestADiskWithoutSpaceIsRefusedAndLeavesNothing(t *testing.T) {
	var room unix.Statfs_t
	dir := t.TempDir()
	if err := unix.Statfs(dir, &room); err != nil {
		t.Fatal(err)
	}
	d := Disk{Image: filepath.Join(dir, "chat"), At: filepath.Join(dir, "data")}
	err := d.Make(t.Context(), int64(room.Blocks)*room.Bsize)
	if !errs.Is(err, errs.Usage) || !strings.Contains(err.Error(), "no space") || !strings.Contains(errs.FixOf(err), "--state") {
		t.Errorf("%v (%s)", err, errs.FixOf(err))
	}
	if left, _ := filepath.Glob(dir + "/chat*"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
