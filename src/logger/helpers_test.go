package logger

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chatlab/src/event"
	"chatlab/src/testkit"
)

func newLog() (*slog.Logger, *testkit.Buffer) {
	b := new(testkit.Buffer)
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})), b
}

func events(n int) []event.Event {
	all := make([]event.Event, n)
	for i := range all {
		all[i] = event.Event{ID: event.NewID(time.Now()), Server: "chat", Category: "chat", Subject: "kim", Data: fmt.Sprintf("line %d", i)}
	}
	return all
}

func linesOf(all []event.Event) []string {
	var lines []string
	for _, e := range all {
		lines = append(lines, string(event.Append(nil, e)))
	}
	return lines
}

// opened is a spool with what it logged and lost.
type opened struct {
	*spool
	log  *testkit.Buffer
	lost int
}

func open(t *testing.T, dir string) *opened {
	t.Helper()
	log, buf := newLog()
	o := &opened{log: buf}
	s, err := openSpool(dir, minSpool, log, func(int64) { o.lost++ })
	if err != nil {
		t.Fatal(err)
	}
	o.spool = s
	t.Cleanup(func() { _ = s.close() })
	return o
}

func (o *opened) add(t *testing.T, lines ...string) {
	t.Helper()
	var records []byte
	for _, line := range lines {
		records = appendRecord(records, []byte(line))
	}
	if err := o.append(t.Context(), records); err != nil {
		t.Fatal(err)
	}
}

// rest reads all that is not stored yet.
func (o *opened) rest(t *testing.T) (lines []string, end position) {
	t.Helper()
	r := o.reader()
	defer r.close()
	end = r.pos
	for {
		c, _, err := r.next()
		if err != nil {
			t.Fatal(err)
		}
		if c.n == 0 {
			return lines, end
		}
		lines = append(lines, strings.SplitAfter(string(c.lines[:len(c.lines)-1])+"\n", "\n")...)
		lines = lines[:len(lines)-1]
		end = c.end
	}
}

func segmentFiles(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.spool"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (r *running) waitStored(t *testing.T) {
	t.Helper()
	testkit.Until(t, "the backlog is stored", func() bool {
		waiting, _ := r.spool.backlog()
		return r.acks.Load() == r.sent && waiting == 0
	})
}
