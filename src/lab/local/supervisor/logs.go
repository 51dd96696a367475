package supervisor

import (
	"context"
	"io"
	"log/slog"
	"os"
	"time"

	"chatlab/src/wait"
)

// MaxLog bounds a log file, in bytes; a longer one is moved to NAME.1, whose
// earlier text is lost.
const MaxLog = 8 << 20

// limitLogs bounds the log files of a plan until ctx ends. The processes hold
// them open for appending, so a file is copied and emptied, not renamed.
func limitLogs(ctx context.Context, plan Plan, log *slog.Logger) {
	wait.Every(ctx, 5*time.Second, func() {
		for _, svc := range plan.Services {
			if err := limitLog(svc.Log, MaxLog); err != nil {
				log.Warn("cannot limit a log", "file", svc.Log, "err", err)
			}
		}
	})
}

func limitLog(path string, limit int64) error {
	info, err := os.Stat(path)
	if err != nil || info.Size() <= limit {
		return nil // one that is not there yet needs no limit
	}
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(path+".1", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		_ = to.Close()
		return err
	}
	if err := to.Close(); err != nil {
		return err
	}
	return os.Truncate(path, 0)
}
