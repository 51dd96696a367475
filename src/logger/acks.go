package logger

import (
	"io"
	"log/slog"
	"sync"

	"chatlab/src/event"
)

// ackWriter tells the parent how many lines are safe. A parent that does not
// read, or is gone, holds nothing up: only the newest number counts, and what
// is spooled stays spooled.
type ackWriter struct {
	out  io.Writer
	log  *slog.Logger
	wake chan struct{}
	done chan struct{} // closed once the last number was written

	mu   sync.Mutex
	n    uint64
	last bool
}

// newAckWriter starts with `ack 0`, which says that the spool is open.
func newAckWriter(out io.Writer, log *slog.Logger) *ackWriter {
	a := &ackWriter{out: out, log: log, wake: make(chan struct{}, 1), done: make(chan struct{})}
	a.wake <- struct{}{}
	go a.run()
	return a
}

// set says that n lines are safe; last, that there will be no more.
func (a *ackWriter) set(n uint64, last bool) {
	a.mu.Lock()
	a.n, a.last = n, last
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *ackWriter) run() {
	defer close(a.done)
	buf := make([]byte, 0, event.MaxAck)
	broken := false
	for range a.wake {
		a.mu.Lock()
		n, last := a.n, a.last
		a.mu.Unlock()
		if !broken {
			if _, err := a.out.Write(event.AppendAck(buf[:0], n)); err != nil {
				broken = true
				a.log.Info("nobody reads the acknowledgements", "error", err)
			}
		}
		if last {
			return
		}
	}
}
