package natslog

import (
	"errors"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"chatlab/src/errs"
)

// store knows whether the log's files can be written. After its first write error
// JetStream stores nothing until it is opened anew, and a member of a cluster may switch
// it off. So the log refuses every line from then on, tries a small write each second,
// and ends when that succeeds: chatd's supervisor then opens it anew.
type store struct {
	dir string

	mu     sync.Mutex
	reason error         // why it cannot be written; nil: it can
	over   error         // why the log has to be opened anew
	ended  chan struct{} // closed with over
	broken chan struct{} // closed with reason: JetStream answers nothing from then on
}

const (
	probeEvery = time.Second
	probeSize  = 64 << 10 // bytes: a disk with less room is full
	probeName  = ".probe"
)

// diskErrors are errors of files only: connections do not have them.
var diskErrors = []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS}

func newStore(dir string) *store {
	return &store{dir: dir, ended: make(chan struct{}), broken: make(chan struct{})}
}

// writable returns nil, or why lines are refused.
func (s *store) writable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reason == nil {
		return nil
	}
	return errs.Wrap(s.reason, errs.Unavailable, "the chat log cannot be written").WithRetry(time.Second).
		WithFix("see that chatd can write to %s and that its disk has room; chatd then opens the log anew by itself", s.dir)
}

// failed notes that a write failed, and returns whether that is news. An input or output
// error ends the log at once: only a fresh start reads the content of the disk.
func (s *store) failed(err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	news := s.reason == nil
	if news {
		s.reason = err
		close(s.broken)
	}
	if errors.Is(err, syscall.EIO) {
		s.end(errs.Wrap(err, errs.Unavailable, "the chat log in %s has to be opened anew", s.dir))
	}
	return news
}

// reopen ends the log, which is opened anew.
func (s *store) reopen(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(why)
}

// end ends the log; mu is held.
func (s *store) end(why error) {
	if s.over == nil {
		s.over = why
		close(s.ended)
	}
}

// probe writes a little, and ends the log if that succeeds after a failure.
func (s *store) probe() error {
	err := s.tryWrite()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && s.reason != nil {
		s.end(errs.Wrap(s.reason, errs.Unavailable, "the chat log in %s can be written again and is opened anew", s.dir))
	}
	return err
}

func (s *store) tryWrite() error {
	f, err := os.CreateTemp(s.dir, probeName)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, probeSize))
	if err == nil && s.writable() != nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

// why returns why the log has to be opened anew, or nil.
func (s *store) why() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over
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

// probeStore keeps known whether the log can be written, until it closes.
func (l *Log) probeStore() {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := l.store.probe(); err != nil {
				l.cannotWrite(err)
			}
		case <-l.closed:
			return
		}
	}
}

func (l *Log) cannotWrite(err error) {
	if l.store.failed(err) {
		l.logger.Error("the chat log cannot be written: every line is refused until it can", "dir", l.opts.Dir, "err", err)
	}
}
