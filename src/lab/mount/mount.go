// Package mount reads the kernel's table of mounts, and unmounts.
package mount

import (
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"chatlab/src/errs"
)

// Mount is a line of /proc/self/mountinfo.
type Mount struct{ At, Kind string }

// Table lists the mounts, in order. It passes over a line that it cannot read:
// procfs returns none at all then, and `lab` removes folders that seem unmounted.
func Table() []Mount {
	text, _ := os.ReadFile("/proc/self/mountinfo")
	var out []Mount
	for line := range strings.Lines(string(text)) {
		place, what, _ := strings.Cut(line, " - ")
		fields, kinds := strings.Fields(place), strings.Fields(what)
		if len(fields) > 4 && len(kinds) > 0 {
			out = append(out, Mount{At: fields[4], Kind: kinds[0]})
		}
	}
	return out
}

// Below lists the mount points at or below a folder, the deepest first.
func Below(dir string) []string {
	var out []string
	for _, m := range Table() {
		if m.At == dir || strings.HasPrefix(m.At, dir+"/") {
			out = append(out, m.At)
		}
	}
	slices.Reverse(out)
	return out
}

// At reports whether something is mounted on a folder.
func At(dir string) bool { return slices.Contains(Below(dir), dir) }

// Unmount unmounts everything at or below a folder. Code failed, while a process
// uses a file there.
func Unmount(dir string) error {
	for _, at := range Below(dir) {
		if err := unix.Unmount(at, 0); err != nil && At(at) {
			return errs.E(errs.Failed, "unmount %s: %w", at, err).WithFix("`fuser -vm %s` names who uses it", at)
		}
	}
	return nil
}
