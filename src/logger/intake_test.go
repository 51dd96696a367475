package logger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/testkit"
)

// newLogger returns a logger that relays nowhere.
func newLogger(t *testing.T, dir string) (*Logger, *testkit.Buffer) {
	t.Helper()
	var cfg Config
	cfg.Spool.Dir, cfg.Spool.MaxBytes = dir, minSpool
	log, buf := newLog()
	l, err := New(t.Context(), cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	return l, buf
}

// take runs a logger over an input, and returns what it spooled, its last
// acknowledgement and its error.
func take(t *testing.T, in io.Reader) (spooled []string, acked uint64, dir string, err error) {
	t.Helper()
	dir = t.TempDir()
	l, _ := newLogger(t, dir)
	var out bytes.Buffer
	err = l.Run(t.Context(), in, &out)
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if lines[0] != "ack 0" {
		t.Errorf("the first answer is %q, not the greeting", lines[0])
	}
	acked, ackErr := event.ParseAck([]byte(lines[len(lines)-1]))
	if ackErr != nil {
		t.Fatal(ackErr)
	}
	spooled, _ = open(t, dir).rest(t)
	return spooled, acked, dir, err
}

func TestLinesAreSpooledHoweverTheyCome(t *testing.T) {
	want := linesOf(events(3))
	text := strings.Join(want, "")
	readers := map[string]io.Reader{
		"at once":      strings.NewReader(text),
		"byte by byte": iotest.OneByteReader(strings.NewReader(text)),
		"halves":       iotest.HalfReader(strings.NewReader(text)),
		"end with EOF": iotest.DataErrReader(strings.NewReader(text)),
	}
	for i := range text {
		readers[fmt.Sprintf("split at %d", i)] = io.MultiReader(strings.NewReader(text[:i]), strings.NewReader(text[i:]))
	}
	for name, in := range readers {
		got, acked, _, err := take(t, in)
		if err != nil || acked != 3 || !slices.Equal(got, want) {
			t.Fatalf("%s: %d acknowledged, %v, spooled %q", name, acked, err, got)
		}
	}
}

func TestTheSpecificationsLineGetsItsID(t *testing.T) {
	before := time.Now().Truncate(time.Second)
	got, acked, _, err := take(t, strings.NewReader("0/auth/signin/kim/100% a/b\r\n"))
	if err != nil || acked != 1 || len(got) != 1 {
		t.Fatalf("%d acknowledged, %v, spooled %q", acked, err, got)
	}
	e, err := event.Parse([]byte(got[0]), time.Now())
	if err != nil || got[0][:2] != "1/" || e.Time().Before(before) {
		t.Fatalf("spooled %q: %v", got[0], err)
	}
	if e.Server != "auth" || e.Category != "signin" || e.Subject != "kim" || e.Data != "100% a/b" {
		t.Fatalf("spooled %+v", e)
	}
}

func TestWhatIsNoEventIsCountedAndSetAside(t *testing.T) {
	good := linesOf(events(2))
	tests := map[string]struct{ line, why string }{
		"text":         {"hello\n", "neither 0/ nor 1/"},
		"empty":        {"\n", "neither 0/ nor 1/"},
		"bad UTF-8":    {"0/auth/signin/kim/\xff\n", "not valid UTF-8"},
		"no ObjectID":  {"1/auth/signin/kim/success\n", "4 after"},
		"too long":     {"0/chat/chat/kim/" + strings.Repeat("x", 3*event.MaxLine) + "\n", fmt.Sprintf("line of %d bytes", 3*event.MaxLine+17)},
		"one too long": {"0/chat/chat/kim/" + strings.Repeat("x", event.MaxLine-16) + "\n", fmt.Sprintf("line of %d bytes", event.MaxLine+1)},
		"grows by %":   {"0/chat/chat/kim/" + strings.Repeat("%", event.MaxLine-17) + "\n", "encoded line"},
		"NULs":         {strings.Repeat("\x00", 100) + "\n", "neither 0/ nor 1/"},
	}
	tests["no ObjectID"] = struct{ line, why string }{"1/auth/signin/kim/success\n", "fields after its version"}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, acked, dir, err := take(t, strings.NewReader(good[0]+tt.line+good[1]))
			if acked != 3 || !slices.Equal(got, good) {
				t.Fatalf("%d acknowledged, spooled %d lines", acked, len(got))
			}
			if !errs.Is(err, errs.BadEvent) || !strings.Contains(err.Error(), "1 lines") {
				t.Fatalf("error %v, want code bad_event", err)
			}
			kept := string(read(t, filepath.Join(dir, "rejected")))
			if !strings.Contains(kept, tt.why) || !strings.Contains(kept, tt.line[:min(len(tt.line), 100)]) {
				t.Fatalf("kept %.300q, want %q", kept, tt.why)
			}
			if len(kept) > asideHead+200 {
				t.Fatalf("kept %d bytes", len(kept))
			}
		})
	}
}

func TestHalfALineAtTheEndIsNoEvent(t *testing.T) {
	lines := linesOf(events(2))
	for cut := 1; cut < len(lines[1]); cut++ {
		got, acked, _, err := take(t, strings.NewReader(lines[0]+lines[1][:cut]))
		if acked != 2 || !slices.Equal(got, lines[:1]) || !errs.Is(err, errs.BadEvent) {
			t.Fatalf("%d bytes of the last line: %d acknowledged, %v, spooled %q", cut, acked, err, got)
		}
	}
}

// endless gives one line that never ends, up to n bytes.
type endless struct{ left int }

func (e *endless) Read(p []byte) (int, error) {
	n := min(len(p), e.left)
	e.left -= n
	for i := range p[:n] {
		p[i] = 'x'
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func TestLineWithoutEndTakesNoMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, acked, _, err := take(t, &endless{64 << 20})
	runtime.ReadMemStats(&after)
	if len(got) != 0 || acked != 1 || !errs.Is(err, errs.BadEvent) {
		t.Fatalf("%d acknowledged, %v, spooled %d lines", acked, err, len(got))
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
		t.Fatalf("%d bytes allocated", used)
	}
}

// stuck is an output that nobody reads, broken one whose reader is gone.
type stuck struct{ until chan struct{} }

func (s stuck) Write([]byte) (int, error) { <-s.until; return 0, io.ErrClosedPipe }

func TestAcknowledgementsThatNobodyReadsHoldNothingUp(t *testing.T) {
	want := linesOf(events(2000))
	for name, out := range map[string]func(t *testing.T) io.Writer{
		"stuck": func(t *testing.T) io.Writer {
			s := stuck{make(chan struct{})}
			t.Cleanup(func() { close(s.until) })
			return s
		},
		"closed": func(*testing.T) io.Writer { r, w := io.Pipe(); _ = r.Close(); return w },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l, _ := newLogger(t, dir)
			if err := l.Run(t.Context(), strings.NewReader(strings.Join(want, "")), out(t)); err != nil {
				t.Fatal(err)
			}
			if got, _ := open(t, dir).rest(t); !slices.Equal(got, want) {
				t.Fatalf("spooled %d of %d lines", len(got), len(want))
			}
		})
	}
}

func TestStoppedLoggerHasSpooledWhatItAcknowledged(t *testing.T) {
	dir := t.TempDir()
	l, _ := newLogger(t, dir)
	inRead, inWrite, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	outRead, outWrite := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx, inRead, outWrite) }()
	go func() {
		for _, line := range linesOf(events(1 << 17)) {
			if _, err := inWrite.WriteString(line); err != nil {
				return
			}
		}
	}()
	go func() {
		<-ctx.Done()
		_, _ = io.Copy(io.Discard, outRead)
	}()
	acked := uint64(0)
	for acked < 100 {
		line := make([]byte, 0, 32)
		for b := make([]byte, 1); !bytes.HasSuffix(line, []byte("\n")); line = append(line, b[0]) {
			if _, err := outRead.Read(b); err != nil {
				t.Fatal(err)
			}
		}
		if acked, err = event.ParseAck(line); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	_ = inRead.Close()
	_ = inWrite.Close()
	if got, _ := open(t, dir).rest(t); uint64(len(got)) < acked {
		t.Fatalf("%d lines spooled, %d acknowledged", len(got), acked)
	}
}

func TestFullSpoolStopsTheReadingAndGoesOn(t *testing.T) {
	dir := t.TempDir()
	l, _ := newLogger(t, dir)
	in, feed := io.Pipe()
	done := make(chan error, 1)
	var out bytes.Buffer
	go func() { done <- l.Run(t.Context(), in, &out) }()
	line := linesOf(events(1))[0]
	line = line[:len(line)-1] + strings.Repeat("x", 10<<10) + "\n"
	const n = 400 // four times the spool
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		for range n {
			if _, err := io.WriteString(feed, line); err != nil {
				return
			}
		}
	}()
	testkit.Until(t, "the spool is full", func() bool { return errs.Is(l.Ready(t.Context()), errs.Unavailable) })
	got := 0
	r := l.spool.reader()
	defer r.close()
	for got < n {
		c, more, err := r.next()
		if err != nil {
			t.Fatal(err)
		}
		if c.n == 0 {
			select {
			case <-more:
			case <-time.After(10 * time.Second):
				t.Fatalf("stuck after %d of %d lines", got, n)
			}
			continue
		}
		got += int(c.n)
		l.spool.trim(c.end)
		if _, total := l.spool.backlog(); total > minSpool {
			t.Fatalf("%d bytes on disk", total)
		}
	}
	<-fed
	_ = feed.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(out.String(), fmt.Sprintf("ack %d\n", n)) {
		t.Fatalf("answers end with %q", out.String()[max(0, out.Len()-20):])
	}
}

func TestPipeFailure(t *testing.T) {
	boom := errors.New("boom")
	lines := linesOf(events(1))
	got, acked, _, err := take(t, io.MultiReader(strings.NewReader(lines[0]), iotest.ErrReader(boom)))
	if !errors.Is(err, boom) || acked != 1 || !slices.Equal(got, lines) {
		t.Fatalf("%d acknowledged, %v, spooled %q", acked, err, got)
	}
}

func TestMistakesInTheConfiguration(t *testing.T) {
	log, _ := newLog()
	tests := map[string]func(*Config){
		"no folder":       func(c *Config) { c.Spool.Dir = "" },
		"folder is file":  func(c *Config) { c.Spool.Dir = os.Args[0] },
		"too small":       func(c *Config) { c.Spool.MaxBytes = 1000 },
		"no certificates": func(c *Config) { c.Logd = []string{"127.0.0.1:1"} },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			var cfg Config
			cfg.Spool.Dir, cfg.Spool.MaxBytes = t.TempDir(), minSpool
			change(&cfg)
			if _, err := New(t.Context(), cfg, log); !errs.Is(err, errs.Usage) {
				t.Fatalf("error %v, want code usage", err)
			}
		})
	}
}

// FuzzIntake gives a logger any bytes: each line is spooled or set aside, and
// counted either way.
func FuzzIntake(f *testing.F) {
	f.Add([]byte("0/auth/signin/kim/success\n1/\n"))
	f.Add([]byte(strings.Join(linesOf(events(2)), "")))
	f.Add([]byte("\n\r\n0/a/b/c/d"))
	f.Fuzz(func(t *testing.T, in []byte) {
		k := newIntake(&Logger{metrics: newMetrics()})
		in = in[:min(len(in), 60)] // more may fill the group, and nobody takes it
		k.read(t.Context(), bytes.NewReader(in))
		g, ended, err := k.take(group{})
		lines := bytes.Count(in, []byte("\n"))
		if len(in) > 0 && in[len(in)-1] != '\n' {
			lines++
		}
		end, records := survey(g.records)
		if !ended || err != nil || int(g.upto) != lines || end != len(g.records) || records+len(g.rejected) != lines {
			t.Fatalf("%d lines: %d counted, %d records, %d rejected, %v", lines, g.upto, records, len(g.rejected), err)
		}
	})
}
