package logger

import (
	"context"
	"path/filepath"
	"time"

	"chatlab/src/errs"
	"chatlab/src/files"
	"chatlab/src/wait"
)

// lockWait is how long a logger waits for another to leave the spool: the one
// of a killed parent may still be writing its last lines to the disk.
const lockWait = 10 * time.Second

// lockAgain is how often a lock is tried.
const lockAgain = 10 * time.Millisecond

// lock takes the folder for this process until the file is closed or the
// process ends. While it waits it holds the folder's second lock, so that the
// logger before it knows that it is waited for. Fails with code usage.
func lock(ctx context.Context, dir string) (*files.Lock, error) {
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	next, err := lockFile(ctx, dir, nextName)
	if err != nil {
		return nil, err
	}
	defer next.Unlock()
	return lockFile(ctx, dir, "lock")
}

// nextName is the file that the next logger of a folder locks.
const nextName = "next"

// wanted tells whether another logger waits for the folder.
func wanted(dir string) bool {
	_, held := files.Holder(filepath.Join(dir, nextName))
	return held
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

func lockFile(ctx context.Context, dir, name string) (*files.Lock, error) {
	lock, err := wait.Available(ctx, lockAgain, func() (*files.Lock, error) { return files.TryLock(filepath.Join(dir, name)) })
	if errs.Is(err, errs.Unavailable) {
		err = errs.E(errs.Usage, "spool: another logger uses %s: %w", dir, err).WithFix("give each logger a folder of its own (--spool.dir)")
	}
	return lock, err
}
