package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"chatlab/src/errs"
)

const loopControl = "/dev/loop-control"

// loopFor returns a loop device of an image. The kernel frees it when nobody has it
// open and nothing of it is mounted.
func loopFor(image string) (*os.File, error) {
	file, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // the device has it
	control, err := os.OpenFile(loopControl, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = control.Close() }()
	for {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, fmt.Errorf("no free loop device: %w", err)
		}
		device, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", n), os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		setup := unix.LoopConfig{Fd: uint32(file.Fd())}
		setup.Info.Flags = unix.LO_FLAGS_AUTOCLEAR | unix.LO_FLAGS_DIRECT_IO
		copy(setup.Info.File_name[:], image)
		err = unix.IoctlLoopConfigure(int(device.Fd()), &setup)
		if err == nil {
			return device, nil
		}
		_ = device.Close()
		if !errors.Is(err, unix.EBUSY) { // another program was faster to take it
			return nil, errs.E(errs.Failed, "%s: %w", device.Name(), err)
		}
	}
}

// imageOf returns the image behind the file system that an open folder is on, or "".
func imageOf(folder *os.File) string {
	var at unix.Stat_t
	if unix.Fstat(int(folder.Fd()), &at) != nil {
		return ""
	}
	return backing(fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(at.Dev), unix.Minor(at.Dev)))
}

// backing returns the file behind a loop device, which is named by its folder in
// /sys, or "".
func backing(device string) string {
	text, err := os.ReadFile(filepath.Join(device, "loop", "backing_file"))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(strings.TrimSpace(string(text)), " (deleted)")
}

// loopBelow returns a loop device that has a file at or below a path, or "".
func loopBelow(path string) string {
	devices, _ := filepath.Glob("/sys/block/loop*")
	for _, d := range devices {
		if file := backing(d); file == path || strings.HasPrefix(file, path+"/") {
			return "/dev/" + filepath.Base(d)
		}
	}
	return ""
}
