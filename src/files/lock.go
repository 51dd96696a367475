package files

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"chatlab/src/errs"
)

// Lock is a file that one process at most holds, with its pid. The kernel frees it
// when the process ends, however it ends.
type Lock struct{ f *os.File }

// TryLock takes the lock of a file, which it creates. Fails with unavailable while
// another process holds it, with usage if the file cannot be locked at all.
func TryLock(path string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, errs.E(errs.Usage, "lock: %w", err)
	}
	if err = flock(f, unix.LOCK_EX); err == nil {
		if err = f.Truncate(0); err == nil {
			_, err = fmt.Fprintln(f, os.Getpid())
		}
	}
	switch {
	case err == nil:
		return &Lock{f}, nil
	case errors.Is(err, unix.EWOULDBLOCK):
		err = errs.E(errs.Unavailable, "process %d holds %s", holder(f), path)
	default:
		err = errs.E(errs.Usage, "lock %s: %w", path, err).WithFix("use a folder on a local file system that has room")
	}
	_ = f.Close()
	return nil, err
}

// Holder returns the pid of the process that holds the lock of a file, or false.
func Holder(path string) (pid int, held bool) {
	f, err := os.Open(path)
	if err != nil {
		return 0, false
	}
	defer func() { _ = f.Close() }()
	// A shared lock: two that ask at the same moment do not take each other for the holder.
	if flock(f, unix.LOCK_SH) == nil {
		return 0, false
	}
	return holder(f), true
}

// Unlock gives the lock back.
func (l *Lock) Unlock() { _ = l.f.Close() }

// Bequeath lets the programs that this one starts hold the lock too: it is free
// once they all have ended.
func (l *Lock) Bequeath() error {
	_, err := unix.FcntlInt(l.f.Fd(), unix.F_SETFD, 0)
	return err
}

func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func holder(f *os.File) int {
	text, _ := io.ReadAll(f)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}
