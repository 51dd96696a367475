package logger

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chatlab/src/errs"
)

func TestSpoolGivesBackWhatWasAppended(t *testing.T) {
	dir := t.TempDir()
	want := linesOf(events(5))
	s := open(t, dir)
	s.add(t, want[:2]...)
	s.add(t, want[2:3]...)
	if got, _ := s.rest(t); !slices.Equal(got, want[:3]) {
		t.Fatalf("read %q", got)
	}
	_ = s.close()
	s = open(t, dir)
	s.add(t, want[3:]...)
	if got, _ := s.rest(t); !slices.Equal(got, want) {
		t.Fatalf("after opening again: %q, want %q", got, want)
	}
	if s.lost > 0 || strings.Contains(s.log.String(), "ERROR") {
		t.Fatalf("damage reported: %s", s.log)
	}
}

func TestTornEndIsCut(t *testing.T) {
	all := linesOf(events(4))
	whole := t.TempDir()
	s := open(t, whole)
	s.add(t, all[:3]...)
	_ = s.close()
	content := read(t, segmentFiles(t, whole)[0])
	third := headerSize + len(all[2])
	for keep := range third {
		dir := t.TempDir()
		path := filepath.Join(dir, segmentName(1))
		cut := content[:len(content)-third+keep]
		write(t, path, cut)
		s := open(t, dir)
		s.add(t, all[3])
		if got, _ := s.rest(t); !slices.Equal(got, []string{all[0], all[1], all[3]}) {
			t.Fatalf("%d bytes of the last record left: read %q", keep, got)
		}
		said := strings.Contains(s.log.String(), segmentName(1)+": record 3 at byte")
		if said != (keep > 0) || s.lost != min(keep, 1) {
			t.Fatalf("%d bytes left: %d reported: %s", keep, s.lost, s.log)
		}
		_ = s.close()
	}
}

func TestDamageInTheMiddleIsReportedAndSkipped(t *testing.T) {
	all := linesOf(events(5))
	whole := t.TempDir()
	s := open(t, whole)
	s.add(t, all...)
	_ = s.close()
	content := read(t, segmentFiles(t, whole)[0])
	start := 0
	for _, line := range all[:2] {
		start += headerSize + len(line)
	}
	for i := range headerSize + len(all[2]) {
		dir := t.TempDir()
		bad := bytes.Clone(content)
		bad[start+i] ^= 0x41
		write(t, filepath.Join(dir, segmentName(1)), bad)
		s := open(t, dir)
		got, _ := s.rest(t)
		if want := slices.Delete(slices.Clone(all), 2, 3); !slices.Equal(got, want) {
			t.Fatalf("byte %d flipped: read %q", i, got)
		}
		where := fmt.Sprintf("%s: record 3 at byte %d", segmentName(1), start)
		if s.lost != 1 || !strings.Contains(s.log.String(), where) || !strings.Contains(s.log.String(), "code=spool_bad") {
			t.Fatalf("byte %d flipped: %d reported: %s", i, s.lost, s.log)
		}
		kept := read(t, filepath.Join(dir, "damaged"))
		if !bytes.Contains(kept, bad[start:start+headerSize+len(all[2])]) {
			t.Fatalf("byte %d flipped: not kept aside: %q", i, kept)
		}
		_ = s.close()
	}
}

func TestDamageInAnOldFileEndsWithIt(t *testing.T) {
	dir := t.TempDir()
	all := linesOf(events(4))
	s := open(t, dir)
	s.add(t, all[:2]...)
	if err := s.roll(2); err != nil {
		t.Fatal(err)
	}
	s.add(t, all[2:]...)
	_ = s.close()
	path := filepath.Join(dir, segmentName(1))
	content := read(t, path)
	write(t, path, content[:len(content)-3])
	s = open(t, dir)
	if got, _ := s.rest(t); !slices.Equal(got, []string{all[0], all[2], all[3]}) {
		t.Fatalf("read %q", got)
	}
	if s.lost != 1 || !strings.Contains(s.log.String(), segmentName(1)+": record 2") {
		t.Fatalf("reported: %s", s.log)
	}
}

func TestStoredFilesAreDeletedAndTheCursorKept(t *testing.T) {
	dir := t.TempDir()
	all := linesOf(events(6))
	s := open(t, dir)
	for i := range 3 {
		if err := s.roll(uint64(i + 1)); err != nil {
			t.Fatal(err)
		}
		s.add(t, all[2*i:2*i+2]...)
	}
	end := position{2, int64(headerSize + len(all[2]))}
	s.trim(end)
	if files := segmentFiles(t, dir); len(files) != 2 {
		t.Fatalf("files left: %q", files)
	}
	_ = s.close()
	s = open(t, dir)
	got, last := s.rest(t)
	if !slices.Equal(got, all[3:]) {
		t.Fatalf("read %q, want %q", got, all[3:])
	}
	s.trim(last)
	if waiting, total := s.backlog(); waiting != 0 || total == 0 || len(segmentFiles(t, dir)) != 1 {
		t.Fatalf("%d bytes wait, %d on disk, files %q", waiting, total, segmentFiles(t, dir))
	}
}

func TestCursorThatDoesNotFitIsNotBelieved(t *testing.T) {
	tests := map[string]string{
		"missing file":  "0000000000000009 0\n",
		"beyond":        "0000000000000001 99999\n",
		"negative":      "0000000000000001 -1\n",
		"empty":         "",
		"text":          "here\n",
		"bytes":         "\x00\xff 1",
		"not a decimal": "0000000000000001 0x10\n",
	}
	for name, cursor := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			all := linesOf(events(2))
			s := open(t, dir)
			s.add(t, all...)
			_ = s.close()
			write(t, filepath.Join(dir, "cursor"), []byte(cursor))
			s = open(t, dir)
			if got, _ := s.rest(t); !slices.Equal(got, all) {
				t.Fatalf("read %q, want all", got)
			}
			if got := read(t, filepath.Join(dir, "cursor")); string(got) != "0000000000000001 0\n" {
				t.Fatalf("the cursor still says %q", got)
			}
		})
	}
}

func TestFullSpoolWaitsForRoom(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	line := linesOf(events(1))[0]
	line = line[:len(line)-1] + strings.Repeat("x", 60<<10) + "\n"
	record := appendRecord(nil, []byte(line))
	n := 0
	for ; (n+1)*len(record) <= minSpool; n++ {
		if err := s.append(t.Context(), record); err != nil {
			t.Fatal(err)
		}
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.append(short, record); short.Err() == nil || err == nil {
		t.Fatalf("append to a full spool: %v", err)
	}
	if !s.isFull() {
		t.Fatal("not full")
	}
	done := make(chan error, 1)
	go func() { done <- s.append(t.Context(), record) }()
	got, end := s.rest(t)
	if len(got) != n {
		t.Fatalf("%d of %d records", len(got), n)
	}
	s.trim(end)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if s.isFull() {
		t.Fatal("still full")
	}
}

func TestOnlyOneLoggerUsesAFolder(t *testing.T) {
	dir := t.TempDir()
	first, err := lock(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := lock(short, dir); !errs.Is(err, errs.Usage) || !strings.Contains(err.Error(), dir) {
		t.Fatalf("error %v, want code usage and the folder", err)
	}
	second := make(chan error, 1)
	go func() {
		f, err := lock(t.Context(), dir)
		if err == nil {
			f.Unlock()
		}
		second <- err
	}()
	first.Unlock()
	if err := <-second; err != nil {
		t.Fatalf("after the first left: %v", err)
	}
}

func TestTooSmallSpool(t *testing.T) {
	log, _ := newLog()
	if _, err := openSpool(t.TempDir(), minSpool-1, log, nil); !errs.Is(err, errs.Usage) {
		t.Fatalf("error %v, want code usage", err)
	}
}

// FuzzSpool opens a file of any content: each whole record is found, in order,
// and nothing else stops the reader.
func FuzzSpool(f *testing.F) {
	var good []byte
	for _, line := range linesOf(events(3)) {
		good = appendRecord(good, []byte(line))
	}
	f.Add([]byte{}, uint16(0), byte(0))
	f.Add(good, uint16(10), byte(1))
	f.Add(good[:len(good)-5], uint16(90), byte(0xff))
	f.Fuzz(func(t *testing.T, content []byte, at uint16, flip byte) {
		if len(content) > 0 {
			content = bytes.Clone(content)
			content[int(at)%len(content)] ^= flip
		}
		dir := t.TempDir()
		write(t, filepath.Join(dir, segmentName(7)), content)
		s := open(t, dir)
		next := linesOf(events(1))[0]
		s.add(t, next)
		got, _ := s.rest(t)
		if len(got) == 0 || got[len(got)-1] != next {
			t.Fatalf("the new record is not the last: %q", got)
		}
		if _, records := survey(content); len(got) != records+1 {
			t.Fatalf("read %d records, the file holds %d", len(got)-1, records)
		}
		_ = s.close()
	})
}
