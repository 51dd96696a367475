// Package disk keeps a folder on an ext4 file system of its own, in an image file
// behind a loop device. The power of such a disk can be cut: the file system then
// loses every write that has not reached the image, as a machine does.
package disk

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"chatlab/src/errs"
	"chatlab/src/lab/mount"
	"chatlab/src/wait"
)

// Disk is a folder and the image of the file system that is mounted on it. Both
// paths are absolute.
type Disk struct {
	Image string
	At    string
}

// Possible returns nil where this process can make disks. Code usage.
func Possible() error {
	switch {
	case os.Geteuid() != 0:
		return errs.E(errs.Usage, "a disk whose power can be cut needs root").WithFix("run it as root")
	case unix.Access(loopControl, unix.R_OK|unix.W_OK) != nil:
		return errs.E(errs.Usage, "this machine has no loop devices: %s cannot be opened", loopControl).WithFix("modprobe loop")
	}
	if _, err := exec.LookPath("mkfs.ext4"); err != nil {
		return errs.E(errs.Usage, "mkfs.ext4 is not installed").WithFix("apt-get install e2fsprogs")
	}
	return nil
}

// Missing says why a lab has no disks whose power can be cut. Code usage.
func Missing() error {
	if err := Possible(); err != nil {
		return err
	}
	return errs.E(errs.Usage, "the lab was brought up without --power").WithFix("`lab down`, then `lab up --power`")
}

// Made reports whether the disk has an image.
func (d Disk) Made() bool {
	_, err := os.Stat(d.Image)
	return err == nil
}

// Make creates the image unless it exists, and copies the folder's files into it.
// All of its space is taken at once: the machine cannot run out of it later. Code usage.
func (d Disk) Make(ctx context.Context, size int64) error {
	if d.Made() {
		return nil
	}
	for _, dir := range []string{d.At, filepath.Dir(d.Image)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return errs.E(errs.Usage, "disk: %w", err)
		}
	}
	fresh := d.Image + ".new"
	err := reserve(fresh, size)
	if err == nil {
		err = format(ctx, fresh, d.At)
	}
	if err == nil {
		err = os.Rename(fresh, d.Image)
	}
	if err != nil {
		_ = os.Remove(fresh)
		return errs.E(errs.Usage, "disk %s: %w", d.Image, err)
	}
	return nil
}

// reserve makes a file of a size that has its space already.
func reserve(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	var room unix.Statfs_t
	if err = unix.Fstatfs(int(f.Fd()), &room); err == nil {
		err = unix.ENOSPC
		if uint64(size) < room.Bavail*uint64(room.Bsize) { // otherwise Fallocate takes all that there is first
			err = unix.Fallocate(int(f.Fd()), 0, 0, size)
		}
	}
	if errors.Is(err, unix.ENOSPC) {
		err = errs.E(errs.Usage, "no space for %d MiB", size>>20).WithFix("free space there, or take another folder with --state")
	}
	return errors.Join(err, f.Close())
}

// format makes the file system, with the content of a folder. Root has no reserve of
// its own on it, and its free blocks stay those of the image.
func format(ctx context.Context, image, content string) error {
	out, err := exec.CommandContext(ctx, "mkfs.ext4", "-q", "-F", "-m", "0", "-E", "nodiscard", "-d", content, image).CombinedOutput()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return errs.E(errs.Usage, "mkfs.ext4: %s (%w)", lines[len(lines)-1], err)
	}
	return nil
}

// Attached reports whether the file system is mounted on the folder.
func (d Disk) Attached() bool {
	folder, err := os.Open(d.At)
	if err != nil {
		return false
	}
	defer func() { _ = folder.Close() }()
	return imageOf(folder) == d.Image
}

// Attach mounts the file system; after a power cut, ext4 first replays its journal. It
// leaves an attached disk alone. Code failed.
func (d Disk) Attach() error {
	if d.Attached() {
		return nil
	}
	if err := os.MkdirAll(d.At, 0o700); err != nil {
		return errs.E(errs.Usage, "disk: %w", err)
	}
	below, err := os.Stat(d.At)
	if err != nil {
		return errs.E(errs.Usage, "disk: %w", err)
	}
	device, err := loopFor(d.Image)
	if err != nil {
		return errs.E(errs.Failed, "disk %s: %w", d.Image, err)
	}
	defer func() { _ = device.Close() }() // the mount keeps it from here on, or nothing does
	if err := d.mount(device.Name()); err != nil {
		return errs.E(errs.Failed, "mount %s on %s: %w", d.Image, d.At, errors.Join(err, mount.Unmount(d.At)))
	}
	if err := os.Chmod(d.At, below.Mode().Perm()); err != nil {
		return errs.E(errs.Failed, "disk: %w", err)
	}
	return nil
}

// mount mounts a device on the folder, through a shared mount of the folder itself: a
// machine that starts meanwhile gets a copy of every mount of this one, and only what
// is below a shared mount is unmounted there too.
func (d Disk) mount(device string) error {
	if err := mount.Unmount(d.At); err != nil { // of an attachment that was broken off
		return err
	}
	if err := unix.Mount(d.At, d.At, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	if err := unix.Mount("", d.At, "", unix.MS_SHARED, ""); err != nil {
		return err
	}
	return unix.Mount(device, d.At, "ext4", 0, "")
}

// Flush writes everything to the image. Code failed.
func (d Disk) Flush() error {
	folder, err := os.Open(d.At)
	if err != nil {
		return errs.E(errs.Failed, "disk: %w", err)
	}
	defer func() { _ = folder.Close() }()
	if err := unix.Syncfs(int(folder.Fd())); err != nil {
		return errs.E(errs.Failed, "disk %s: %w", d.At, err)
	}
	return nil
}

// Ioctl that shuts an ext4 down, _IOR('X', 125, __u32), and its flag that the journal
// is not flushed before.
const (
	ext4Shutdown = 0x8004587d
	noLogFlush   = 2
)

// Cut ends the file system at once: nothing is written any more, not even its journal.
// Detach and Attach bring it back. Code failed.
func (d Disk) Cut() error {
	folder, err := os.Open(d.At)
	if err != nil {
		return errs.E(errs.Failed, "disk: %w", err)
	}
	defer func() { _ = folder.Close() }()
	// Any other file system is the machine's own.
	if image := imageOf(folder); image != d.Image {
		return errs.E(errs.Failed, "the disk %s is not mounted on %s", d.Image, d.At)
	}
	if err := unix.IoctlSetPointerInt(int(folder.Fd()), ext4Shutdown, noLogFlush); err != nil {
		return errs.E(errs.Failed, "power cut of %s: %w", d.At, err)
	}
	return nil
}

// Limits of a detachment: a process that was killed closes its files when it ends.
const (
	detachLimit = 20 * time.Second
	pollEvery   = 20 * time.Millisecond
)

// Detach unmounts the file system and waits until its loop device is free. Code failed.
func (d Disk) Detach(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, detachLimit)
	defer cancel()
	var err error
	wait.Until(ctx, pollEvery, func() bool { err = mount.Unmount(d.At); return err == nil })
	if err != nil {
		return err
	}
	return Released(ctx, d.Image)
}

// Released waits until no loop device has a file at or below a path. Code failed.
func Released(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, detachLimit)
	defer cancel()
	var left string
	if !wait.Until(ctx, pollEvery, func() bool { left = loopBelow(path); return left == "" }) {
		return errs.E(errs.Failed, "%s still has a file of %s", left, path).WithFix("end what was started in a mount namespace of its own meanwhile")
	}
	return nil
}
