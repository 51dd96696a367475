package natslog

import (
	"slices"
	"sync"

	"chatlab/src/wire"
)

const (
	recentBytes = 1 << 20 // about what a window holds at least, and half of what at most
	lineBytes   = 256     // of a line, beside its text
)

// recent is a window onto the last lines that Follow gave. The emitter takes its lines
// here: reading them for it alone costs more than storing them did.
type recent struct {
	mu    sync.Mutex
	lines []wire.Message // of consecutive numbers; only ever appended to
	size  int            // bytes
	grown chan struct{}  // closed when lines come; nil if nobody waits
}

// add takes a batch of consecutive lines. One that does not go on where the last
// ended begins a new window.
func (r *recent) add(batch []wire.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.lines); n > 0 && batch[0].Seq != r.lines[n-1].Seq+1 {
		r.lines, r.size = nil, 0
	}
	r.lines = append(r.lines, batch...)
	for _, m := range batch {
		r.size += lineBytes + len(m.Text)
	}
	if r.size > 2*recentBytes {
		r.forget()
	}
	if r.grown != nil {
		close(r.grown)
		r.grown = nil
	}
}

// clear empties the window.
func (r *recent) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines, r.size = nil, 0
}

// forget drops the oldest lines. What after gave out stays as it is.
func (r *recent) forget() {
	drop := 0
	for ; r.size > recentBytes; drop++ {
		r.size -= lineBytes + len(r.lines[drop].Text)
	}
	r.lines = slices.Clone(r.lines[drop:])
}

// after returns up to n lines after a number, and a channel that is closed when more lines come.
// Not known are the lines that the window does not reach back to.
func (r *recent) after(seq uint64, n int) (lines []wire.Message, known bool, grown <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.grown == nil {
		r.grown = make(chan struct{})
	}
	if len(r.lines) == 0 || seq+1 < r.lines[0].Seq {
		return nil, false, r.grown
	}
	from := min(seq+1-r.lines[0].Seq, uint64(len(r.lines)))
	return r.lines[from:min(int(from)+n, len(r.lines))], true, r.grown
}
