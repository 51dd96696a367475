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
	owner    owner
	stage    stage
	roomLast bool // the last write was the room's

	now []byte // of the owner: what try writes
	n   int    // of the owner: what try has written
}

// owner says whether somebody owns a writer.
type owner int

const (
	nobody  owner = iota
	writing       // the socket takes what the owner has at once
	waiting       // the owner waits for the socket
)

// stage is how far a writer has come towards its end. It never goes back.
type stage int

const (
	open    stage = iota
	closing       // nothing of the room any more
	cut           // too far behind
	ended         // nothing more will be written
)

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
	if w.owner != nobody || w.stage == ended {
		w.cutIfBehind()
		w.mu.Unlock()
		return
	}
	w.owner = writing
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
	w.owner = waiting
	w.tasks.Add(1)
	go w.drain(p)
	w.mu.Unlock()
}

// next gives the owner its next bytes, always whole lines. If there are none it
// lets go of the ownership and of the lock, and ok is false.
func (w *writer) next() (p []byte, ok bool) {
	if w.stage == ended {
		w.letGo()
		return nil, false
	}
	// The room's lines go first, so that an answer comes after the lines that
	// its asker said before, but not twice: a busy room must not hold answers up.
	if w.run != nil && w.stage == open && !(w.roomLast && len(w.own) > 0) {
		p, line, inReach := w.run.view(w.off)
		if !inReach {
			w.stage = cut
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
	w.owner = nobody
	w.now = nil
	if w.idle != nil {
		close(w.idle)
		w.idle = nil
	}
	w.mu.Unlock()
}

// cutIfBehind ends the wait of an owner whose socket takes too little.
func (w *writer) cutIfBehind() {
	if w.owner != waiting || w.stage >= cut {
		return
	}
	behind := uint64(len(w.own))
	if w.run != nil {
		end, _ := w.run.position()
		behind += end - w.off
	}
	if behind > MaxBehind {
		w.stage = cut
		_ = w.conn.SetWriteDeadline(time.Unix(1, 0))
	}
}

// drain owns the writer, waits for the socket, and writes until nothing is left.
func (w *writer) drain(p []byte) {
	defer w.tasks.Done()
	for {
		rest, err := w.write(p)
		w.mu.Lock()
		if err != nil || w.stage == cut {
			w.mu.Unlock()
			w.fail(rest, err)
			return
		}
		_ = w.conn.SetWriteDeadline(time.Time{}) // flush needs none: it never waits
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
		if w.stage == cut {
			w.mu.Unlock()
			return p, os.ErrDeadlineExceeded
		}
		limit := writeTimeout
		if w.stage == closing {
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
	isSlow := w.stage == cut || (errors.Is(err, os.ErrDeadlineExceeded) && w.stage != closing)
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
	w.stage = ended
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
		if w.stage == ended {
			w.mu.Unlock()
			return net.ErrClosed
		}
		if w.owner == nobody {
			w.owner = writing
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
	w.owner = waiting
	w.mu.Unlock()
	rest, err := w.write(p)
	w.mu.Lock()
	w.owner = writing
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
	w.stage = max(w.stage, closing)
	if w.owner == waiting {
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
	if w.owner != nobody {
		idle = w.whenIdle()
	}
	w.mu.Unlock()
	if idle != nil {
		<-idle // the owner has lastTimeout a piece at the most
	}
	w.mu.Lock()
	w.stage = ended
	w.mu.Unlock()
}
