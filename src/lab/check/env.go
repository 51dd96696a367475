package check

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// Env is what one check works with: the shared journey, and the record of what
// it stated. Its methods are safe for several goroutines.
type Env struct {
	*Journey

	mu      sync.Mutex
	proofs  int
	failure *Failure
}

// Failure is an error that names the expected and the observed state.
type Failure struct {
	Expected, Seen string
	Hint           string // replaces the check's own when set
}

func (f *Failure) Error() string { return "expected " + f.Expected + ", seen " + f.Seen }

// failf makes a failure from the expected and the observed state.
func failf(expected, format string, args ...any) *Failure {
	return &Failure{Expected: expected, Seen: fmt.Sprintf(format, args...)}
}

type skipError struct{ reason string }

func (s *skipError) Error() string { return "skipped: " + s.reason }

// Same states that the observed value equals the wanted one, and reports whether it
// does. The first statement that does not hold fails the check.
func (e *Env) Same(what string, want, seen any) bool {
	return e.state(fmt.Sprint(want) == fmt.Sprint(seen), what+" "+show(want), what+" "+show(seen))
}

// True states that ok holds. expected is what should have been, format what
// was seen instead.
func (e *Env) True(ok bool, expected, format string, args ...any) bool {
	return e.state(ok, expected, fmt.Sprintf(format, args...))
}

func (e *Env) state(ok bool, expected, seen string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.proofs++
	if !ok && e.failure == nil {
		e.failure = &Failure{Expected: expected, Seen: seen}
	}
	return ok
}

func (e *Env) verdict() (proofs int, first *Failure) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.proofs, e.failure
}

// show prints a value so that a person sees where it begins and ends.
func show(v any) string {
	switch v := v.(type) {
	case string:
		if strings.HasPrefix(v, "{") && !strings.ContainsFunc(v, unicode.IsControl) {
			return v // JSON reads better without a second quoting
		}
		return strconv.Quote(v)
	case []byte:
		return show(string(v))
	case []string:
		return fmt.Sprintf("%q", v)
	}
	return fmt.Sprint(v)
}

// plainly says what went wrong for a person: a system's "i/o timeout" names
// sockets, and that nobody answered is all it says.
func plainly(err error) string {
	text := err.Error()
	var op *net.OpError
	if errors.As(err, &op) && op.Timeout() && op.Addr != nil {
		text = strings.Replace(text, op.Error(), "no answer from "+op.Addr.String(), 1)
	}
	return text
}

// maxLine bounds what a result shows of foreign text, in bytes.
const maxLine = 400

// oneLine makes text safe to print: one line, no control characters, bounded.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	if len(s) > maxLine {
		s = strings.ToValidUTF8(s[:maxLine], "") + "…"
	}
	return s
}
