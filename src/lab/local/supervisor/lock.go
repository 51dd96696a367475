package supervisor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"chatlab/src/errs"
)

// Lock is a file that at most one process holds; the kernel frees it when that
// process ends, however it ends.
type Lock struct{ f *os.File }

// TryLock takes the lock of a file and writes the holder's pid into it. Code
// unavailable, with the holder's pid in the message, if it is held.
func TryLock(path string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, errs.E(errs.Usage, "lock: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder := readPID(path)
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errs.E(errs.Unavailable, "process %d holds %s", holder, path)
		}
		return nil, errs.E(errs.Usage, "%s: locks do not work here: %w", path, err).WithFix("put --state on a local file system")
	}
	if err = f.Truncate(0); err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
	}
	if err != nil {
		_ = f.Close()
		return nil, errs.E(errs.Usage, "lock: %w", err)
	}
	return &Lock{f}, nil
}

// Unlock gives the lock back.
func (l *Lock) Unlock() { _ = l.f.Close() }

// Alive returns the pid of the supervisor of a folder; false if none lives.
func Alive(dir string) (pid int, alive bool) {
	path := filepath.Join(dir, lockFile)
	f, err := os.Open(path)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	// A shared lock, so that two who ask at once do not take each other for it.
	if err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); err == nil {
		return 0, false
	}
	return readPID(path), true
}

func readPID(path string) int {
	text, _ := os.ReadFile(path)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}
