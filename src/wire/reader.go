package wire

import (
	"bytes"
	"io"
	"time"

	"chatlab/src/errs"
)

// Source is the reading side of a connection.
type Source interface {
	io.Reader
	SetReadDeadline(time.Time) error
}

// The size of a Reader's buffer while little comes. It grows while much does, and
// shrinks when it is empty, since most connections are silent at any time.
const (
	smallBuffer = 128
	largeBuffer = 16 << 10 // or a line's limit, if that is more
)

// Reader reads lines of bounded length, in bounded memory.
type Reader struct {
	src     Source
	limit   int // bytes of a line, without LF
	buf     []byte
	from    int  // buf[from:] was read and not yet returned
	scanned int  // bytes of buf[from:] that hold no LF
	filled  bool // the last read filled the buffer
	skip    bool // the rest of a line that was too long is being dropped
}

// NewReader makes a reader of lines of up to limit bytes.
func NewReader(src Source, limit int) *Reader { return &Reader{src: src, limit: limit} }

// Next returns the next line without its LF and a CR before it; it is valid
// until the next call. It waits for the line's first byte until idle, and for
// its LF for half more after that, but no longer than idle; a zero idle is no
// limit, and a zero half none of its own. Fails with too_long (once a line, at
// its 4097th byte, a CR before the LF not counted; the next call goes on after its LF), with timeout, and with
// what the source returned: io.EOF when it ended, also within a line.
func (r *Reader) Next(idle time.Time, half time.Duration) ([]byte, error) {
	deadline := idle
	started := false
	for {
		if line, ok := r.take(); ok {
			return line, nil
		}
		if r.overlong() {
			return nil, errs.E(errs.TooLong, "a line has at most %d bytes", r.limit)
		}
		if pending := len(r.buf) > r.from || r.skip; pending && !started && half > 0 {
			started = true
			if d := time.Now().Add(half); idle.IsZero() || d.Before(idle) {
				deadline = d
			}
		}
		if err := r.fill(deadline); err != nil {
			return nil, err
		}
	}
}

// HasLine tells whether Next would return a line without reading.
func (r *Reader) HasLine() bool { return bytes.IndexByte(r.buf[r.from:], '\n') >= 0 }

// take returns a whole line of the buffer.
func (r *Reader) take() ([]byte, bool) {
	for {
		n := bytes.IndexByte(r.buf[r.from+r.scanned:], '\n')
		if n < 0 {
			r.scanned = len(r.buf) - r.from
			return nil, false
		}
		whole := r.buf[r.from : r.from+r.scanned+n]
		line := bytes.TrimSuffix(whole, []byte("\r"))
		if len(line) > r.limit && !r.skip {
			return nil, false // overlong reports it, the LF stays in the buffer
		}
		r.from += len(whole) + 1
		r.scanned = 0
		if r.skip {
			r.skip = false
			continue
		}
		return line, true
	}
}

// Rest returns what came after the last LF, once the source has ended: a line that its
// sender did not end. It is empty for one that is too long.
func (r *Reader) Rest() []byte {
	rest := bytes.TrimSuffix(r.buf[r.from:], []byte("\r"))
	r.from, r.scanned = len(r.buf), 0
	if r.skip || len(rest) > r.limit {
		return nil
	}
	return rest
}

// overlong drops the received part of a line that has no end within the limit, and
// tells whether it has to be reported: once a line.
func (r *Reader) overlong() bool {
	if len(bytes.TrimSuffix(r.buf[r.from:], []byte("\r"))) <= r.limit && !r.skip {
		return false // a CR is not counted: LF may follow
	}
	first := !r.skip
	r.skip = true
	r.from += r.scanned
	r.scanned = 0
	return first
}

// fill reads once.
func (r *Reader) fill(deadline time.Time) error {
	r.buf = append(r.buf[:0], r.buf[r.from:]...)
	r.from = 0
	size := max(cap(r.buf), smallBuffer)
	switch {
	case len(r.buf) == cap(r.buf), r.filled: // a long line, or many
		size = min(2*size, max(r.limit+1, largeBuffer))
	case len(r.buf) == 0:
		size = smallBuffer
	}
	if size != cap(r.buf) {
		r.buf = append(make([]byte, 0, size), r.buf...)
	}
	if err := r.src.SetReadDeadline(deadline); err != nil {
		return err
	}
	n, err := r.src.Read(r.buf[len(r.buf):cap(r.buf)])
	r.buf = r.buf[:len(r.buf)+n]
	r.filled = n > 0 && len(r.buf) == cap(r.buf)
	if n > 0 {
		return nil
	}
	if timeout, ok := err.(interface{ Timeout() bool }); ok && timeout.Timeout() {
		return errs.Wrap(err, errs.Timeout, "no line came in time")
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}
