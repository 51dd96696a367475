package logger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"chatlab/src/errs"
	"chatlab/src/wait"
)

// Sizes of the spool, in bytes.
const (
	minSpool   = 1 << 20
	maxSegment = 8 << 20
	maxGroup   = 256 << 10 // records in one append
)

// position is a place in the spool: a byte of a segment.
type position struct {
	seg uint64
	off int64
}

// segment is one file of records.
type segment struct {
	seq  uint64
	size int64 // synced
}

// spool is the durable queue. One goroutine appends, one reads and trims.
type spool struct {
	dir     string
	max     int64 // bytes of all segments
	segMax  int64 // bytes of one, about
	log     *slog.Logger
	damaged *aside
	lost    func(bytes int64) // told of each damage

	mu      sync.Mutex
	segs    []segment // ascending without gaps; the last is appended to
	active  *os.File
	total   int64
	cursor  position
	saved   time.Time
	full    bool
	changed chan struct{} // closed and replaced when there is more to read
	trimmed chan struct{} // closed and replaced when there is more room
}

func segmentName(seq uint64) string { return fmt.Sprintf("%016x.spool", seq) }

func (s *spool) path(seq uint64) string { return filepath.Join(s.dir, segmentName(seq)) }

// append makes records durable. It waits for room, and while the disk is full,
// until ctx ends. Any other failure is final: the caller ends the process,
// and the next one starts from what the disk really holds.
func (s *spool) append(ctx context.Context, records []byte) error {
	for {
		if err := s.waitRoom(ctx, int64(len(records))); err != nil {
			return err
		}
		err := s.write(records)
		if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
			return err
		}
		s.log.Error("spool: the disk is full; waiting", "err", err)
		s.mu.Lock()
		s.full = true
		s.mu.Unlock()
		if !wait.Sleep(ctx, time.Second) {
			return err
		}
	}
}

func (s *spool) waitRoom(ctx context.Context, n int64) error {
	for {
		s.mu.Lock()
		wait, was := s.trimmed, s.full
		s.full = s.total+n > s.max
		full, total := s.full, s.total
		s.mu.Unlock()
		if full != was {
			s.log.Warn("spool: full", "full", full, "bytes", total, "max", s.max)
		}
		if !full {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wait:
		}
	}
}

func (s *spool) write(records []byte) error {
	last := s.last()
	if s.active == nil || last.size >= s.segMax {
		if err := s.roll(last.seq + 1); err != nil {
			return err
		}
		last = s.last()
	}
	_, err := s.active.WriteAt(records, last.size)
	if err != nil {
		// Leave no half record behind, so that the same call can be tried again.
		return errors.Join(errs.E(errs.Internal, "spool: %w", err), s.active.Truncate(last.size))
	}
	if err := s.active.Sync(); err != nil {
		return errs.E(errs.Internal, "spool: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.segs[len(s.segs)-1].size += int64(len(records))
	s.total += int64(len(records))
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

func (s *spool) last() segment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.segs[len(s.segs)-1]
}

// roll starts a new segment.
func (s *spool) roll(seq uint64) error {
	f, err := os.OpenFile(s.path(seq), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return errs.E(errs.Internal, "spool: %w", err)
	}
	if err := syncDir(s.dir); err != nil {
		_ = f.Close()
		_ = os.Remove(f.Name())
		return errs.E(errs.Internal, "spool: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active != nil {
		_ = s.active.Close() // synced by the last append
	}
	s.active = f
	s.segs = append(s.segs, segment{seq: seq})
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}

// trim says that everything before p is stored. It deletes the segments that
// are done with.
func (s *spool) trim(p position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cursor = p
	deleted := false
	for len(s.segs) > 1 && (s.segs[0].seq < p.seg || s.segs[0].seq == p.seg && s.segs[0].size <= p.off) {
		if err := os.Remove(s.path(s.segs[0].seq)); err != nil && !errors.Is(err, os.ErrNotExist) {
			s.log.Error("spool: a relayed file stays", "err", err)
			break
		}
		s.total -= s.segs[0].size
		s.segs = s.segs[1:]
		deleted = true
	}
	if deleted {
		close(s.trimmed)
		s.trimmed = make(chan struct{})
	}
	if time.Since(s.saved) > 100*time.Millisecond {
		s.saveCursor()
	}
}

// saveCursor replaces the cursor file. It needs no sync: an old cursor only
// makes the relay resend stored events.
func (s *spool) saveCursor() {
	s.saved = time.Now()
	path := filepath.Join(s.dir, "cursor")
	text := fmt.Appendf(nil, "%016x %d\n", s.cursor.seg, s.cursor.off)
	err := os.WriteFile(path+".new", text, 0o600)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		s.log.Error("spool: cursor", "err", err)
	}
}

// backlog returns the bytes that are not stored yet, and those on disk.
func (s *spool) backlog() (waiting, total int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seg := range s.segs {
		switch {
		case seg.seq > s.cursor.seg:
			waiting += seg.size
		case seg.seq == s.cursor.seg:
			waiting += seg.size - s.cursor.off
		}
	}
	return waiting, s.total
}

// isFull tells whether an append waits for room.
func (s *spool) isFull() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.full
}

func (s *spool) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saveCursor()
	if s.active == nil {
		return nil
	}
	return s.active.Close()
}
