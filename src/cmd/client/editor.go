package main

import (
	"unicode"
	"unicode/utf8"
)

// action is what a key asks of the program.
type action int

const (
	actNone      action = iota
	actAppend           // a character was added at the end
	actChanged          // the line must be drawn anew
	actEnter            // the line is complete
	actInterrupt        // Ctrl-C
	actEnd              // Ctrl-D on an empty line
)

// editor is the line being typed. It takes the bytes of a terminal in raw mode:
// UTF-8 text, the usual control keys, and the cursor keys of ECMA-48.
type editor struct {
	prompt string
	mask   bool // shows * for each character
	limit  int  // longest line, in bytes
	buf    []rune
	pos    int    // the cursor is before buf[pos]
	part   []byte // the beginning of a character or of an escape sequence

	recall *recall                   // nil: the line is not one of the chat
	words  func(first bool) []string // that Tab completes; nil: Tab is a space
}

func (e *editor) reset(prompt string, mask bool, limit int) {
	*e = editor{prompt: prompt, mask: mask, limit: limit}
}

// begin puts text into an empty line, the cursor behind it.
func (e *editor) begin(text string) {
	e.buf = []rune(text)
	e.pos = len(e.buf)
}

// take returns the line and empties the editor, its prompt too.
func (e *editor) take() string {
	line := string(e.buf)
	e.reset("", false, e.limit)
	return line
}

func (e *editor) feed(b byte) action {
	if len(e.part) > 0 && e.part[0] == 0x1b {
		return e.escape(b)
	}
	if len(e.part) > 0 || b >= utf8.RuneSelf {
		return e.multibyte(b)
	}
	switch b {
	case 0x1b:
		e.part = append(e.part, b)
		return actNone
	case '\t':
		return e.complete()
	}
	if b < ' ' || b == 0x7f {
		return e.control(b)
	}
	return e.insert(rune(b))
}

func (e *editor) multibyte(b byte) action {
	e.part = append(e.part, b)
	if !utf8.FullRune(e.part) {
		return actNone
	}
	r, _ := utf8.DecodeRune(e.part)
	e.part = nil
	if r == utf8.RuneError || unicode.IsControl(r) {
		return actNone
	}
	return e.insert(r)
}

func (e *editor) control(b byte) action {
	switch b {
	case '\r', '\n':
		return actEnter
	case 0x03: // Ctrl-C
		return actInterrupt
	case 0x04: // Ctrl-D
		if len(e.buf) == 0 {
			return actEnd
		}
		return e.remove(e.pos, e.pos+1)
	case 0x7f, 0x08: // backspace
		return e.remove(e.pos-1, e.pos)
	case 0x15: // Ctrl-U
		return e.remove(0, e.pos)
	case 0x17: // Ctrl-W
		return e.remove(e.wordStart(), e.pos)
	case 0x01: // Ctrl-A
		return e.move(0)
	case 0x05: // Ctrl-E
		return e.move(len(e.buf))
	case 0x0b: // Ctrl-K
		return e.remove(e.pos, len(e.buf))
	case 0x0c: // Ctrl-L
		return actChanged
	}
	return actNone
}

// escape collects ESC [ parameters final, or ESC O final, and does what the
// cursor keys ask; all other sequences are taken in and left out.
func (e *editor) escape(b byte) action {
	e.part = append(e.part, b)
	n := len(e.part)
	switch {
	case n == 2 && (b == '[' || b == 'O'):
		return actNone
	case n > 2 && b >= 0x20 && b < 0x40 && n < 16:
		return actNone
	}
	seq := string(e.part[1:])
	e.part = nil
	switch seq {
	case "[A", "OA":
		return e.called(1)
	case "[B", "OB":
		return e.called(-1)
	case "[D", "OD":
		return e.move(e.pos - 1)
	case "[C", "OC":
		return e.move(e.pos + 1)
	case "[H", "OH", "[1~":
		return e.move(0)
	case "[F", "OF", "[4~":
		return e.move(len(e.buf))
	case "[3~":
		return e.remove(e.pos, e.pos+1)
	}
	return actNone
}

func (e *editor) insert(r rune) action {
	if len(string(e.buf))+utf8.RuneLen(r) > e.limit {
		return actNone
	}
	e.buf = append(e.buf, 0)
	copy(e.buf[e.pos+1:], e.buf[e.pos:])
	e.buf[e.pos] = r
	e.pos++
	if e.pos == len(e.buf) {
		return actAppend
	}
	return actChanged
}

func (e *editor) remove(from, to int) action {
	from, to = max(from, 0), min(to, len(e.buf))
	if from >= to {
		return actNone
	}
	e.buf = append(e.buf[:from], e.buf[to:]...)
	e.pos = from
	return actChanged
}

func (e *editor) move(to int) action {
	to = min(max(to, 0), len(e.buf))
	if to == e.pos {
		return actNone
	}
	e.pos = to
	return actChanged
}

func (e *editor) wordStart() int {
	i := e.pos
	for i > 0 && e.buf[i-1] == ' ' {
		i--
	}
	for i > 0 && e.buf[i-1] != ' ' {
		i--
	}
	return i
}
