package wire_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"chatlab/src/errs"
	"chatlab/src/wire"
)

// source is a connection that remembers the deadlines it was given.
type source struct {
	io.Reader
	deadlines []time.Time
}

func (s *source) SetReadDeadline(t time.Time) error {
	s.deadlines = append(s.deadlines, t)
	return nil
}

// lines reads everything: each line, or the code of its refusal in brackets.
func lines(r *wire.Reader) ([]string, error) {
	var out []string
	for {
		line, err := r.Next(time.Time{}, 0)
		switch {
		case errs.Is(err, errs.TooLong):
			out = append(out, "[too_long]")
		case err != nil:
			return out, err
		default:
			out = append(out, string(line))
		}
	}
}

func TestReaderGivesLinesHoweverTheyAreCut(t *testing.T) {
	const limit = 300
	long := strings.Repeat("l", limit)
	input := "a\n\nb\r\n" + long + "\n" + long + "x\nc\n" + strings.Repeat("y", 10*limit) + "\n" + long + "\nlast"
	want := []string{"a", "", "b", long, "[too_long]", "c", "[too_long]", long}
	cuts := map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader,
		"halves": iotest.HalfReader, "data with EOF": iotest.DataErrReader,
	}
	for name, cut := range cuts {
		got, err := lines(wire.NewReader(&source{Reader: cut(strings.NewReader(input))}, limit))
		if strings.Join(got, "\n") != strings.Join(want, "\n") || !errors.Is(err, io.EOF) {
			t.Errorf("%s: %.80q, %v", name, got, err)
		}
	}
	for at := range input {
		two := io.MultiReader(strings.NewReader(input[:at]), strings.NewReader(input[at:]))
		if got, _ := lines(wire.NewReader(&source{Reader: two}, limit)); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Fatalf("cut at %d: %.80q", at, got)
		}
	}
}

func TestACarriageReturnIsNotCounted(t *testing.T) {
	const limit = 300
	long := strings.Repeat("l", limit)
	for name, cut := range map[string]func(io.Reader) io.Reader{"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader} {
		got, err := lines(wire.NewReader(&source{Reader: cut(strings.NewReader(long + "\r\n" + long + "x\r\n" + long + "\rx\nend\n"))}, limit))
		if strings.Join(got, " ") != long+" [too_long] [too_long] end" || !errors.Is(err, io.EOF) {
			t.Errorf("%s: %.400q, %v", name, got, err)
		}
	}
}

func TestTheRestIsALineThatWasNotEnded(t *testing.T) {
	for input, want := range map[string]string{"a\nlast": "last", "a\nlast\r": "last", "a\n": "", "": "", strings.Repeat("x", 20): ""} {
		r := wire.NewReader(&source{Reader: strings.NewReader(input)}, 10)
		_, _ = lines(r)
		if got := string(r.Rest()); got != want {
			t.Errorf("%q: %q, want %q", input, got, want)
		}
	}
}

func TestReaderHoldsNoMoreThanALine(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	endless := io.LimitReader(zeros{}, 10<<20)
	got, err := lines(wire.NewReader(&source{Reader: endless}, wire.MaxLine))
	runtime.ReadMemStats(&after)
	if len(got) != 1 || got[0] != "[too_long]" || !errors.Is(err, io.EOF) {
		t.Errorf("%d lines, %v", len(got), err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("%d bytes were allocated for one line", used)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestReaderWaitsLessForALineThatHasBegun(t *testing.T) {
	src := &source{Reader: iotest.OneByteReader(strings.NewReader("ab\nc"))}
	r := wire.NewReader(src, 10)
	idle := time.Now().Add(time.Hour)
	for range 2 {
		if _, err := r.Next(idle, time.Minute); err != nil && err != io.EOF {
			t.Fatal(err)
		}
	}
	for i, want := range []time.Duration{time.Hour, time.Minute, time.Minute, time.Hour, time.Minute} {
		if got := time.Until(src.deadlines[i]); got > want || got < want-time.Minute/2 {
			t.Errorf("read %d has %s, want about %s", i, got, want)
		}
	}
	if d := src.deadlines; !d[1].Equal(d[2]) {
		t.Error("each byte of a line gets more time")
	}
}

func TestReaderTellsATimeout(t *testing.T) {
	r := wire.NewReader(&source{Reader: iotest.ErrReader(os.ErrDeadlineExceeded)}, 10)
	if _, err := r.Next(time.Time{}, 0); !errs.Is(err, errs.Timeout) {
		t.Errorf("err = %v", err)
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("a\nb\r\n"), 3)
	f.Add(bytes.Repeat([]byte("x"), 300), 7)
	f.Add([]byte("twenty bytes are here\r"), 21)
	f.Add([]byte("twenty bytes are her\r"), 21)
	f.Add([]byte("twenty bytes are her\r\n"), 21)
	f.Fuzz(func(t *testing.T, input []byte, chunk int) {
		const limit = 20
		chunk = max(1, chunk&0xff)
		got, _ := lines(wire.NewReader(&source{Reader: &chunks{input, chunk}}, limit))
		var want []string
		for line := range bytes.Lines(input) {
			line, whole := bytes.CutSuffix(line, []byte("\n"))
			line = bytes.TrimSuffix(line, []byte("\r")) // LF may follow it: it is not counted
			switch {
			case len(line) > limit:
				want = append(want, "[too_long]")
			case whole:
				want = append(want, string(line))
			}
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

// chunks gives a few bytes at a time.
type chunks struct {
	rest []byte
	n    int
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.rest[:min(c.n, len(c.rest))])
	c.rest = c.rest[n:]
	return n, nil
}
