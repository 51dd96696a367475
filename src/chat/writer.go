package chat

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"chatlab/src/errs"
)

// Deadlines of writes. A peer that takes nothing for that long is gone.
const (
	writeTimeout = 30 * time.Second // a piece of up to writePiece
	lastTimeout  = time.Second      // the last line, before a connection is closed
	writePiece   = 32 << 10
)

// writer is the writing half of a connection. It has an offset into the run of
// its room and a few lines of its own (answers, refusals). At any time at most
// one goroutine owns it and writes; whoever has something for it calls flush,
// and leaves it at that if there is an owner, since an owner goes on until
// nothing is left. Nobody waits: what the socket does not take at once is
// handed, with the ownership, to a goroutine that lives until it is written.
type writer struct {
	conn  net.Conn
	raw   syscall.RawConn // nil for TLS, where every write may have to wait
	stats *Metrics
	tasks *sync.WaitGroup       // every goroutine that flush starts
	slow  func() []byte         // the refusal for who is cut, rendered in its mode
	try   func(fd uintptr) bool // one write of now, for raw.Write

	mu       sync.Mutex
	run      *run
	off      uint64        // into run: what was given to an owner
	line     uint64        // lines of run up to off
	own      []byte        // lines of its own that go next
	idle     chan struct{} // closed when the owner lets go; nil if nobody waits
	owned    bool
	blocked  bool // the owner waits for the socket
	roomLast bool // the last write was the room's
	closing  bool // nothing of the room any more
	cut      bool // too far behind
	dead     bool // nothing more will be written

	now []byte // of the owner: what try writes
	n   int    // of the owner: what try has written
}

func newWriter(conn *net.TCPConn, stats *Metrics, tasks *sync.WaitGroup) (*writer, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	w := newSecureWriter(conn, stats, tasks)
	w.raw = raw
	w.try = func(fd uintptr) bool {
		n, err := syscall.Write(int(fd), w.now)
		for err == syscall.EINTR {
			n, err = syscall.Write(int(fd), w.now)
		}
		w.n = max(n, 0)
		return true // never wait here; a real error shows again in the blocking write
	}
	return w, nil
}

// newSecureWriter makes a writer whose every write waits for its connection.
func newSecureWriter(conn net.Conn, stats *Metrics, tasks *sync.WaitGroup) *writer {
	return &writer{conn: conn, stats: stats, tasks: tasks}
}

// flush writes all that is there, as far as the socket takes it at once. This
// is the fan-out's hot path: one write for all that the connection lacks.
func (w *writer) flush() {
	w.mu.Lock()
	if w.owned || w.dead {
		w.cutIfBehind()
		w.mu.Unlock()
		return
	}
	w.owned = true
	for {
		p, ok := w.next()
		if !ok {
			return // next let go
		}
		if w.raw == nil {
			w.wait(p)
			return
		}
		w.mu.Unlock()
		w.now, w.n = p, 0
		err := w.raw.Write(w.try)
		w.stats.bytesOut.Add(float64(w.n))
		w.mu.Lock()
		if w.n < len(p) || err != nil {
			w.wait(p[w.n:])
			return
		}
	}
}

// wait hands the ownership to a goroutine that waits for the socket, and unlocks.
func (w *writer) wait(p []byte) {
	w.blocked = true
	w.tasks.Add(1)
	go w.drain(p)
	w.mu.Unlock()
}

// next gives the owner its next bytes, always whole lines. If there are none it
// lets go of the ownership and of the lock, and ok is false.
func (w *writer) next() (p []byte, ok bool) {
	if w.dead {
		w.letGo()
		return nil, false
	}
	// The room's lines go first, so that an answer comes after the lines that
	// its asker said before, but not twice: a busy room must not hold answers up.
	if w.run != nil && !w.closing && !(w.roomLast && len(w.own) > 0) {
		p, line, inReach := w.run.view(w.off)
		if !inReach {
			w.cut = true
			return nil, w.giveUp()
		}
		if len(p) > 0 {
			w.stats.linesOut.Add(float64(line - w.line))
			w.off, w.line = w.off+uint64(len(p)), line
			w.roomLast = true
			return p, true
		}
	}
	w.roomLast = false
	if len(w.own) > 0 {
		p, w.own = w.own, nil
		return p, true
	}
	w.letGo()
	return nil, false
}

// giveUp starts the end of a reader that is too slow, which takes over the
// ownership, and unlocks.
func (w *writer) giveUp() bool {
	w.tasks.Add(1)
	go w.drain(nil)
	w.mu.Unlock()
	return false
}

func (w *writer) letGo() {
	w.owned, w.blocked = false, false
	w.now = nil
	if w.idle != nil {
		close(w.idle)
		w.idle = nil
	}
	w.mu.Unlock()
}

// cutIfBehind ends the wait of an owner whose socket takes too little.
func (w *writer) cutIfBehind() {
	if !w.blocked || w.cut || w.dead {
		return
	}
	behind := uint64(len(w.own))
	if w.run != nil {
		end, _ := w.run.position()
		behind += end - w.off
	}
	if behind > MaxBehind {
		w.cut = true
		_ = w.conn.SetWriteDeadline(time.Unix(1, 0))
	}
}

// drain owns the writer, waits for the socket, and writes until nothing is left.
func (w *writer) drain(p []byte) {
	defer w.tasks.Done()
	for {
		rest, err := w.write(p)
		w.mu.Lock()
		if err != nil || w.cut {
			w.mu.Unlock()
			w.fail(rest, err)
			return
		}
		if !w.cut {
			_ = w.conn.SetWriteDeadline(time.Time{}) // flush needs none: it never waits
		}
		var ok bool
		if p, ok = w.next(); !ok {
			return
		}
		w.mu.Unlock()
	}
}

// write writes with a deadline a piece, and returns the rest.
func (w *writer) write(p []byte) ([]byte, error) {
	for len(p) > 0 {
		w.mu.Lock()
		if w.cut {
			w.mu.Unlock()
			return p, os.ErrDeadlineExceeded
		}
		limit := writeTimeout
		if w.closing {
			limit = lastTimeout
		}
		err := w.conn.SetWriteDeadline(time.Now().Add(limit))
		w.mu.Unlock()
		if err != nil {
			return p, err
		}
		n, err := w.conn.Write(p[:min(len(p), writePiece)])
		w.stats.bytesOut.Add(float64(n))
		if p = p[n:]; err != nil {
			return p, err
		}
	}
	return nil, nil
}

// fail ends the connection after a write that did not succeed. A slow reader is
// told so, if it takes the rest of its line and the refusal within a second.
func (w *writer) fail(rest []byte, err error) {
	w.mu.Lock()
	isSlow := w.cut || (errors.Is(err, os.ErrDeadlineExceeded) && !w.closing)
	w.mu.Unlock()
	if isSlow {
		w.stats.refused(errs.SlowConsumer)
		w.stats.slow.Inc()
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			rest = rest[:i+1]
		}
		_ = w.conn.SetWriteDeadline(time.Now().Add(lastTimeout))
		_, _ = w.conn.Write(append(bytes.Clone(rest), w.slow()...))
	}
	w.mu.Lock()
	w.dead = true
	sever(w.conn) // the reading half sees it
	w.letGo()
}

// send adds lines of its own and flushes.
func (w *writer) send(p []byte) {
	w.mu.Lock()
	w.own = append(w.own, p...)
	w.mu.Unlock()
	w.flush()
}

// acquire waits until nobody owns the writer, all that was there is written,
// and takes it. Fails when the connection has ended or ctx ends.
func (w *writer) acquire(ctx context.Context) error {
	for {
		w.mu.Lock()
		if w.dead {
			w.mu.Unlock()
			return net.ErrClosed
		}
		if !w.owned {
			w.owned = true
			w.mu.Unlock()
			return nil
		}
		idle := w.whenIdle()
		w.mu.Unlock()
		select {
		case <-idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (w *writer) whenIdle() <-chan struct{} {
	if w.idle == nil {
		w.idle = make(chan struct{})
	}
	return w.idle
}

// put writes as the owner that acquire made, waiting for the socket.
func (w *writer) put(p []byte) error {
	w.mu.Lock()
	w.blocked = true
	w.mu.Unlock()
	rest, err := w.write(p)
	w.mu.Lock()
	w.blocked = false
	w.mu.Unlock()
	if err != nil {
		w.fail(rest, err)
		return err
	}
	return w.conn.SetWriteDeadline(time.Time{})
}

// release gives the ownership up and flushes.
func (w *writer) release() {
	w.mu.Lock()
	w.letGo()
	w.flush()
}

// hurry gives a peer that takes nothing another moment, and lets nothing of the room
// follow.
func (w *writer) hurry() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closing = true
	if w.blocked {
		_ = w.conn.SetWriteDeadline(time.Now().Add(lastTimeout))
	}
}

// finish sends a last line, if there is one, waits until it is written or
// cannot be, and lets nothing follow.
func (w *writer) finish(last []byte) {
	w.mu.Lock()
	w.own = append(w.own, last...)
	w.mu.Unlock()
	w.hurry()
	w.flush()
	w.mu.Lock()
	var idle <-chan struct{}
	if w.owned {
		idle = w.whenIdle()
	}
	w.mu.Unlock()
	if idle != nil {
		<-idle // the owner has lastTimeout a piece at the most
	}
	w.mu.Lock()
	w.dead = true
	w.mu.Unlock()
}
