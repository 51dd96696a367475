package logger

import (
	"bytes"
	"testing"
)

// FuzzRecords surveys any bytes: what it counts as records are records, and
// the whole ones appended behind any bytes are found.
func FuzzRecords(f *testing.F) {
	line := []byte(linesOf(events(1))[0])
	f.Add([]byte{}, []byte("x"))
	f.Add(appendRecord(nil, line), []byte("hello"))
	f.Add(appendRecord(nil, line)[:20], bytes.Repeat([]byte{0}, 300))
	f.Fuzz(func(t *testing.T, before, data []byte) {
		whole := bytes.ReplaceAll(append(bytes.TrimSuffix(bytes.Clone(line), []byte("\n")), data...), []byte("\n"), []byte("?"))
		whole = append(whole[:min(len(whole), 4096)], '\n')
		buf := appendRecord(bytes.Clone(before), whole)
		_, records := survey(before)
		end, with := survey(buf)
		if end > len(buf) || with > records+1 {
			t.Fatalf("%d records up to %d in %d bytes; without the last: %d", with, end, len(buf), records)
		}
		at := resync(buf, len(before))
		if got, ok, _ := recordAt(buf[at:]); at != len(before) || !ok || !bytes.Equal(got, whole) {
			t.Fatalf("the record at %d was found at %d: %q", len(before), at, got)
		}
	})
}
