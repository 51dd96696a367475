package event

import (
	"bytes"
	"time"
	"unicode/utf8"

	"chatlab/src/errs"
)

// MaxLine is the longest line in bytes, its LF included.
const MaxLine = 64 << 10

// Servers and Categories are those of the lab's events.
var (
	Servers    = []string{"auth", "chat"}
	Categories = []string{"signin", "signup", "chat"}
)

// Event is one thing that happened.
type Event struct {
	ID       ID
	Server   string // which kind of server saw it: auth, chat
	Category string // signin, signup, chat
	Subject  string // the specification's "(id)": user id or nickname
	Data     string // success, fail, or what was said
}

// Time returns when the event was born, to the second, in UTC.
func (e Event) Time() time.Time { return e.ID.Time() }

// Append adds the event's line, with its LF, to dst.
func Append(dst []byte, e Event) []byte {
	dst = append(dst, "1/"...)
	dst = append(dst, e.ID.String()...)
	for _, field := range []string{e.Server, e.Category, e.Subject} {
		dst = appendField(append(dst, '/'), field, true)
	}
	dst = appendField(append(dst, '/'), e.Data, false)
	return append(dst, '\n')
}

func appendField(dst []byte, s string, slash bool) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		switch c := s[i]; {
		case c == '%', c == '\n', c == '\r', c == '/' && slash:
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// Parse reads a line, with or without its LF. A `0/` line gets a new ID of
// now. Fails with code bad_event, naming the mistake and never quoting the
// line: events hold what users typed.
func Parse(line []byte, now time.Time) (Event, error) {
	if len(line) > MaxLine {
		return Event{}, errs.E(errs.BadEvent, "event: line is longer than %d bytes", MaxLine)
	}
	line = bytes.TrimSuffix(line, []byte("\n"))
	if bytes.IndexByte(line, '\n') >= 0 {
		return Event{}, errs.E(errs.BadEvent, "event: more than one line")
	}
	e, err := parse(line, now)
	if err != nil {
		return Event{}, err
	}
	return e, e.check()
}

func parse(line []byte, now time.Time) (Event, error) {
	switch version, rest, _ := bytes.Cut(line, []byte("/")); string(version) {
	case "0":
		f := bytes.SplitN(bytes.TrimSuffix(rest, []byte("\r")), []byte("/"), 4)
		if len(f) != 4 {
			return Event{}, errs.E(errs.BadEvent, "event: line has %d fields after its version, not 4", len(f))
		}
		return Event{NewID(now), string(f[0]), string(f[1]), string(f[2]), string(f[3])}, nil
	case "1":
		return parseOwn(rest)
	}
	return Event{}, errs.E(errs.BadEvent, "event: line begins with neither 0/ nor 1/")
}

func parseOwn(rest []byte) (Event, error) {
	f := bytes.SplitN(rest, []byte("/"), 5)
	if len(f) != 5 {
		return Event{}, errs.E(errs.BadEvent, "event: line has %d fields after its version, not 5", len(f))
	}
	id, ok := ParseID(string(f[0]))
	if !ok {
		return Event{}, errs.E(errs.BadEvent, "event: field 2 is not an ObjectID of 24 hexadecimal digits")
	}
	e := Event{ID: id}
	for i, to := range []*string{&e.Server, &e.Category, &e.Subject, &e.Data} {
		if *to, ok = decode(f[i+1]); !ok {
			return Event{}, errs.E(errs.BadEvent, "event: field %d has a bad escape or a bare CR", i+3)
		}
	}
	return e, nil
}

// decode undoes percent-encoding.
func decode(s []byte) (string, bool) {
	if bytes.IndexByte(s, '\r') >= 0 {
		return "", false
	}
	if bytes.IndexByte(s, '%') < 0 {
		return string(s), true
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			out = append(out, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		high, ok1 := digit(s[i+1])
		low, ok2 := digit(s[i+2])
		if !ok1 || !ok2 {
			return "", false
		}
		out = append(out, high<<4|low)
		i += 2
	}
	return string(out), true
}

func digit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// check holds an event against the rules of the line; code bad_event.
func (e Event) check() error {
	if e.Server == "" || e.Category == "" {
		return errs.E(errs.BadEvent, "event: server or category is empty")
	}
	for i, s := range []string{e.Server, e.Category, e.Subject, e.Data} {
		if !utf8.ValidString(s) {
			return errs.E(errs.BadEvent, "event: field %d is not valid UTF-8", i+3)
		}
	}
	return nil
}
