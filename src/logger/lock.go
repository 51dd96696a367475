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
// of a killed parent may still be relaying its last lines.
const lockWait = 10 * time.Second

// lock takes the folder for this process until the file is closed or the
// process ends. Fails with code usage.
func lock(ctx context.Context, dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, errs.E(errs.Usage, "spool: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
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
