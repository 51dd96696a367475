package natslog

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"time"

	"chatlab/src/errs"
	"chatlab/src/wait"
)

// store knows whether the log's files can be written. After its first write error
// JetStream stores nothing until it is opened anew, and a member of a cluster may switch
// it off. So the log refuses every line from then on, tries a small write each second,
// and ends when that succeeds: chatd's supervisor then opens it anew.
type store struct {
	broken context.Context // its cause is the first write error: JetStream answers nothing from then on
	fail   context.CancelCauseFunc
	over   context.Context // its cause is why the log has to be opened anew
	reopen context.CancelCauseFunc
}

const (
	probeEvery = time.Second
	probeSize  = 64 << 10 // bytes: a disk with less room is full
	probeName  = ".probe"
)

// diskErrors are errors of files only: connections do not have them.
var diskErrors = []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS}

func newStore() store {
	var s store
	s.broken, s.fail = context.WithCancelCause(context.Background())
	s.over, s.reopen = context.WithCancelCause(context.Background())
	return s
}

// writable returns nil, or why lines are refused.
func (l *Log) writable() error {
	reason := context.Cause(l.store.broken)
	if reason == nil {
		return nil
	}
	return errs.Wrap(reason, errs.Unavailable, "the chat log cannot be written").WithRetry(time.Second).
		WithFix("see that chatd can write to %s and that its disk has room; chatd then opens the log anew by itself", l.opts.Dir)
}

// cannotWrite notes that a write failed. An input or output error ends the log at once:
// only a fresh start reads the content of the disk.
func (l *Log) cannotWrite(err error) {
	if l.store.broken.Err() == nil {
		l.logger.Error("the chat log cannot be written: every line is refused until it can", "dir", l.opts.Dir, "err", err)
	}
	l.store.fail(err)
	if errors.Is(err, syscall.EIO) {
		l.store.reopen(errs.Wrap(err, errs.Unavailable, "the chat log in %s has to be opened anew", l.opts.Dir))
	}
}

// probeStore keeps known whether the log can be written, until it closes.
func (l *Log) probeStore() {
	wait.Every(l.life, probeEvery, func() {
		reason := context.Cause(l.store.broken)
		if reason != nil && l.opts.Cluster != nil {
			l.server.Shutdown() // once; it would go on leading the others, and store nothing
		}
		switch err := tryWrite(l.opts.Dir, reason != nil); {
		case err != nil:
			l.cannotWrite(err)
		case reason != nil:
			l.store.reopen(errs.Wrap(reason, errs.Unavailable, "the chat log in %s can be written again and is opened anew", l.opts.Dir))
		}
	})
}

func tryWrite(dir string, sync bool) error {
	f, err := os.CreateTemp(dir, probeName)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, probeSize))
	if err == nil && sync {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

// writeError returns the write error that a message of JetStream reports, or nil:
// JetStream only logs it.
func writeError(message string) error {
	for _, errno := range diskErrors {
		if strings.Contains(message, errno.Error()) {
			return errno
		}
	}
	if strings.Contains(message, "Critical write error") {
		return errors.New(message)
	}
	return nil
}
