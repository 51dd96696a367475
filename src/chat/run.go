package chat

import "sync"

// Sizes of a run of bytes.
const (
	// MaxBehind is how far a reader may be behind a room's output, in bytes,
	// before it is cut with slow_consumer.
	MaxBehind = 1 << 20

	firstChunk = 4 << 10
	lastChunk  = 256 << 10
)

// run is the recent output of a room in one mode: bytes that are rendered once
// and only ever appended to. A reader is an offset into it. The bytes lie in
// chunks that never move, so what view returns stays valid without a lock
// while others append.
type run struct {
	mu     sync.Mutex
	chunks []chunk // never empty once something was appended
	end    uint64  // offset after the last byte
	lines  uint64  // lines up to end
}

type chunk struct {
	start uint64 // offset of its first byte
	lines uint64 // lines up to its end
	buf   []byte // its length is what is published
}

// append adds one line of about size bytes, which render appends to the slice
// it is given, and returns its length.
func (r *run) append(size int, render func([]byte) []byte) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.chunks) - 1
	if last < 0 || cap(r.chunks[last].buf)-len(r.chunks[last].buf) < size {
		r.grow(size)
		last = len(r.chunks) - 1
	}
	c := &r.chunks[last]
	before := len(c.buf)
	c.buf = render(c.buf)
	r.end += uint64(len(c.buf) - before)
	r.lines++
	c.lines = r.lines
	return len(c.buf) - before
}

// grow starts a chunk, twice as large as the last, and forgets those that no
// reader may need.
func (r *run) grow(size int) {
	next := firstChunk
	if n := len(r.chunks); n > 0 {
		next = min(2*cap(r.chunks[n-1].buf), lastChunk)
	}
	old := 0
	for old < len(r.chunks) && r.end-r.chunks[old].start > MaxBehind+lastChunk {
		old++
	}
	kept := append([]chunk(nil), r.chunks[old:]...)
	r.chunks = append(kept, chunk{start: r.end, lines: r.lines, buf: make([]byte, 0, max(next, size))})
}

// view returns the bytes from an offset to the end of their chunk, and the
// number of lines up to there. It is empty at the run's end. ok is false for
// an offset that is more than MaxBehind behind.
func (r *run) view(off uint64) (p []byte, lines uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if off == r.end {
		return nil, r.lines, true
	}
	if r.end-off > MaxBehind {
		return nil, 0, false
	}
	i := len(r.chunks) - 1
	for i > 0 && r.chunks[i].start > off {
		i--
	}
	c := r.chunks[i]
	return c.buf[off-c.start:], c.lines, c.start <= off
}

// position returns the end and the lines up to it.
func (r *run) position() (end, lines uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.end, r.lines
}
