package logger

import (
	"bytes"
	"context"
	"os"

	"chatlab/src/errs"
)

// chunk is a run of records next to each other in one segment.
type chunk struct {
	start, end position
	lines      []byte // as on the wire; valid until the next read
	n          uint64 // lines
}

// reader reads the spool in order from a position on. It belongs to one
// goroutine.
type reader struct {
	s     *spool
	pos   position
	f     *os.File // of pos.seg; nil: not open
	raw   []byte
	lines []byte
}

func (s *spool) reader() *reader {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &reader{s: s, pos: s.cursor, raw: make([]byte, maxRecord)}
}

func (r *reader) close() {
	if r.f != nil {
		_ = r.f.Close()
		r.f = nil
	}
}

// next returns records that are durable, or an empty chunk and a channel that
// closes when there are more.
func (r *reader) next() (chunk, <-chan struct{}, error) {
	for {
		limit, more := r.advance()
		if r.pos.off >= limit {
			return chunk{}, more, nil
		}
		c, err := r.readChunk(limit)
		if err != nil || c.n > 0 {
			return c, nil, err
		}
	}
}

// advance moves over the ends of segments, and returns how much of the one at
// hand is durable.
func (r *reader) advance() (limit int64, more <-chan struct{}) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	for _, seg := range r.s.segs {
		if seg.seq > r.pos.seg {
			r.close()
			r.pos = position{seg: seg.seq}
		}
		if seg.seq == r.pos.seg && r.pos.off < seg.size {
			return seg.size, nil
		}
	}
	return r.pos.off, r.s.changed
}

func (r *reader) readChunk(limit int64) (chunk, error) {
	buf, err := r.fill(r.pos.off, min(limit-r.pos.off, int64(len(r.raw))))
	if err != nil {
		return chunk{}, err
	}
	c := chunk{start: r.pos}
	r.lines = r.lines[:0]
	used := 0
	for used < len(buf) {
		line, ok, short := recordAt(buf[used:])
		if !ok {
			if c.n == 0 && (!short || r.pos.off+int64(len(buf)) == limit) {
				return chunk{}, r.skipDamage(limit)
			}
			break // damage or the rest of a record: the next call starts there
		}
		r.lines = append(r.lines, line...)
		used += headerSize + len(line)
		c.n++
	}
	r.pos.off += int64(used)
	c.end, c.lines = r.pos, r.lines
	return c, nil
}

func (r *reader) fill(off, n int64) ([]byte, error) {
	if r.f == nil {
		f, err := os.Open(r.s.path(r.pos.seg))
		if err != nil {
			return nil, errs.E(errs.Internal, "spool: %w", err)
		}
		r.f = f
	}
	if int64(len(r.raw)) < n {
		r.raw = make([]byte, n)
	}
	if got, err := r.f.ReadAt(r.raw[:n], off); int64(got) < n {
		return nil, errs.E(errs.Internal, "spool: %s: read %d of %d bytes at %d: %w", segmentName(r.pos.seg), got, n, off, err)
	}
	return r.raw[:n], nil
}

// skipDamage sets aside what stands between here and the next whole record.
func (r *reader) skipDamage(limit int64) error {
	all, err := r.fill(0, limit)
	if err != nil {
		return err
	}
	off := int(r.pos.off)
	_, before := survey(all[:min(off, len(all))])
	next := resync(all, off+1)
	r.s.setAside(r.pos.seg, before+1, r.pos.off, all[off:next], "damaged record skipped")
	r.pos.off = int64(next)
	r.raw = make([]byte, maxRecord)
	return nil
}

// lineAt returns line number k, from 0, of the chunk at start, and where the
// line after it begins.
func (s *spool) lineAt(ctx context.Context, start position, k uint64) ([]byte, position, error) {
	r := &reader{s: s, pos: start, raw: make([]byte, maxRecord)}
	defer r.close()
	for ctx.Err() == nil {
		c, _, err := r.next()
		if err != nil {
			return nil, position{}, err
		}
		if c.n == 0 {
			break
		}
		end := c.start
		for rest := c.lines; len(rest) > 0; k-- {
			line := rest[:bytes.IndexByte(rest, '\n')+1]
			rest = rest[len(line):]
			end.off += int64(headerSize + len(line))
			if k == 0 {
				return line, end, nil
			}
		}
	}
	return nil, position{}, errs.E(errs.Internal, "spool: no such line")
}
