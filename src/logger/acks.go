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

	buf    []byte // of run
	broken bool   // of run: the parent is gone

	mu   sync.Mutex
	n    uint64
	last bool
}

// newAckWriter starts with `ack 0`, which says that the spool is open.
func newAckWriter(out io.Writer, log *slog.Logger) *ackWriter {
	a := &ackWriter{out: out, log: log, wake: make(chan struct{}, 1), done: make(chan struct{})}
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
	a.write(0)
	for range a.wake {
		a.mu.Lock()
		n, last := a.n, a.last
		a.mu.Unlock()
		a.write(n)
		if last {
			return
		}
	}
}

func (a *ackWriter) write(n uint64) {
	if a.broken {
		return
	}
	if _, err := a.out.Write(event.AppendAck(a.buf[:0], n)); err != nil {
		a.broken = true
		a.log.Info("nobody reads the acknowledgements", "err", err)
	}
}
