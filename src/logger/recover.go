package logger

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"chatlab/src/errs"
)

// openSpool reads the files of dir and makes its end fit to append to. lost is
// told of each damage found, now and later. Fails with code usage.
func openSpool(dir string, maxBytes int64, log *slog.Logger, lost func(int64)) (*spool, error) {
	if maxBytes < minSpool {
		return nil, errs.E(errs.Usage, "spool.max_bytes is %d, less than %d", maxBytes, minSpool)
	}
	s := &spool{
		dir: dir, max: maxBytes, segMax: min(maxBytes/8, maxSegment), log: log, lost: lost,
		damaged: newAside(dir, "damaged"),
		changed: make(chan struct{}), trimmed: make(chan struct{}),
	}
	if err := s.list(); err != nil {
		return nil, errs.E(errs.Usage, "spool: %w", err)
	}
	if err := s.mend(); err != nil {
		return nil, errs.E(errs.Usage, "spool: %w", err)
	}
	s.cursor = s.loadCursor()
	s.saveCursor() // one that no longer fits must not fit again by chance
	return s, nil
}

// list finds the segments, and reports a hole in their numbers: somebody
// removed a file.
func (s *spool) list() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		digits, ours := strings.CutSuffix(e.Name(), ".spool")
		seq, err := strconv.ParseUint(digits, 16, 64)
		if !ours || err != nil || segmentName(seq) != e.Name() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		s.segs = append(s.segs, segment{seq, info.Size()})
		s.total += info.Size()
	}
	slices.SortFunc(s.segs, func(a, b segment) int { return strings.Compare(segmentName(a.seq), segmentName(b.seq)) })
	for i := 1; i < len(s.segs); i++ {
		if s.segs[i].seq != s.segs[i-1].seq+1 {
			s.log.Error("spool: files are missing", "after", segmentName(s.segs[i-1].seq), "before", segmentName(s.segs[i].seq))
		}
	}
	return nil
}

// mend cuts what follows the last whole record of the last segment: a crash
// while it was written, so it was never acknowledged. It is kept aside all the
// same, for a disk may have damaged a record that was.
func (s *spool) mend() error {
	if len(s.segs) == 0 {
		s.segs = []segment{{seq: 0}} // numbers begin at 1: this one is never on disk
		return nil
	}
	last := &s.segs[len(s.segs)-1]
	f, err := os.OpenFile(s.path(last.seq), os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	content := make([]byte, last.size)
	if _, err := f.ReadAt(content, 0); err != nil {
		_ = f.Close()
		return err
	}
	s.active = f
	end, records := survey(content)
	if end == len(content) {
		return nil
	}
	s.setAside(last.seq, records+1, int64(end), content[end:], "torn end cut")
	s.total -= int64(len(content) - end)
	last.size = int64(end)
	if err := f.Truncate(last.size); err != nil {
		return err
	}
	return f.Sync()
}

// setAside reports a part of a segment that holds no record, and keeps it.
func (s *spool) setAside(seq uint64, record int, off int64, content []byte, what string) {
	err := errs.E(errs.SpoolBad, "spool: %s: record %d at byte %d: %s, %d bytes", segmentName(seq), record, off, what, len(content))
	s.log.Error(err.Error(), "code", err.Code, "kept_in", s.damaged.path)
	if err := s.damaged.keep(fmt.Sprintf("%s record %d byte %d: %s", segmentName(seq), record, off, what), content); err != nil {
		s.log.Error("spool: the damaged bytes could not be kept", "err", err)
	}
	s.lost(int64(len(content)))
}

// loadCursor returns where the relay begins: the saved cursor where it still
// fits, otherwise the first record.
func (s *spool) loadCursor() position {
	first := position{seg: s.segs[0].seq}
	text, err := os.ReadFile(filepath.Join(s.dir, "cursor"))
	if err != nil {
		return first
	}
	p, ok := parseCursor(string(text))
	for _, seg := range s.segs {
		if ok && seg.seq == p.seg && p.off <= seg.size {
			return p
		}
	}
	return first
}

func parseCursor(text string) (position, bool) {
	seg, off, ok := strings.Cut(strings.TrimSuffix(text, "\n"), " ")
	seq, err1 := strconv.ParseUint(seg, 16, 64)
	n, err2 := strconv.ParseInt(off, 10, 64)
	return position{seq, n}, ok && err1 == nil && err2 == nil && n >= 0
}
