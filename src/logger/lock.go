package logger

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"chatlab/src/errs"
)

// lockWait is how long a logger waits for another to leave the spool: the one
// of a killed parent may still be writing its last lines to the disk.
const lockWait = 10 * time.Second

// lockAgain is how often a lock is tried.
const lockAgain = 10 * time.Millisecond

// lock takes the folder for this process until the file is closed or the
// process ends. While it waits it holds the folder's second lock, so that the
// logger before it knows that it is waited for. Fails with code usage.
func lock(ctx context.Context, dir string) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	next, err := lockFile(ctx, dir, nextName)
	if err != nil {
		return nil, err
	}
	defer func() { _ = next.Close() }()
	return lockFile(ctx, dir, "lock")
}

// nextName is the file that the next logger of a folder locks.
const nextName = "next"

// wanted tells whether another logger waits for the folder.
func wanted(dir string) bool {
	f, err := os.OpenFile(filepath.Join(dir, nextName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	return errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

// leaveWhenWanted calls leave once another logger waits, and returns when done.
func leaveWhenWanted(dir string, done <-chan struct{}, leave func()) {
	tick := time.NewTicker(lockAgain)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			if wanted(dir) {
				leave()
			}
		}
	}
}

func lockFile(ctx context.Context, dir, name string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, errs.E(errs.Usage, "spool: %w", err)
	}
	again := time.NewTicker(lockAgain)
	defer again.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			_ = f.Close()
			return nil, errs.E(errs.Usage, "spool: lock %s: %w", f.Name(), err)
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, errs.E(errs.Usage, "spool: another logger uses %s", dir).
				WithFix("give each logger a folder of its own (--spool.dir)")
		case <-again.C:
		}
	}
}
