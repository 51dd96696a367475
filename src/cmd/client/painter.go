package main

import (
	"fmt"
	"strings"
	"unicode"
)

// painter keeps the line being typed below everything else on a terminal: it
// is taken away before other output and drawn again after it. It uses nothing
// beyond CR, cursor up, cursor right and erase below (ECMA-48).
type painter struct {
	cols  int // width of the terminal, at least 1
	row   int // the cursor is so many rows below the first of the line
	drawn int // columns drawn; 0: nothing is on the screen
}

// erase returns what removes the line; the cursor is where it began.
func (p *painter) erase() string {
	if p.drawn == 0 {
		return ""
	}
	out := "\r\x1b[J"
	if p.row > 0 {
		out = fmt.Sprintf("\x1b[%dA", p.row) + out
	}
	p.row, p.drawn = 0, 0
	return out
}

// draw returns what shows the line where the cursor is, at a row's beginning.
func (p *painter) draw(e *editor) string {
	text := e.prompt + shown(e, 0, len(e.buf))
	end := p.place(0, text)
	p.drawn, p.row = end, end/p.cols
	out := text
	if end > 0 && end%p.cols == 0 {
		out += "\r\n" // a terminal leaves the cursor on the full row until more comes
	}
	if e.pos == len(e.buf) {
		return out
	}
	at := p.place(0, e.prompt+shown(e, 0, e.pos))
	if up := p.row - at/p.cols; up > 0 {
		out += fmt.Sprintf("\x1b[%dA", up)
	}
	p.row = at / p.cols
	out += "\r"
	if right := at % p.cols; right > 0 {
		out += fmt.Sprintf("\x1b[%dC", right)
	}
	return out
}

// add returns what shows the last character, just typed at the end: nothing
// but itself, so that a transcript of the terminal reads as it was typed.
func (p *painter) add(e *editor) string {
	text := shown(e, len(e.buf)-1, len(e.buf))
	end := p.place(p.drawn, text)
	if p.drawn == 0 || end/p.cols != p.drawn/p.cols || end%p.cols == 0 {
		return p.erase() + p.draw(e)
	}
	p.drawn = end
	return text
}

// place returns how many columns lead to the end of text that begins after
// col columns: a wide character does not begin in a row's last column.
func (p *painter) place(col int, text string) int {
	for _, r := range text {
		w := width(r)
		if w == 2 && col%p.cols == p.cols-1 && p.cols > 1 {
			col++
		}
		col += w
	}
	return col
}

func shown(e *editor, from, to int) string {
	if e.mask {
		return strings.Repeat("*", to-from)
	}
	return string(e.buf[from:to])
}

// width is the number of columns of a character: 0 for combining ones, 2 for
// the wide blocks of Unicode's East Asian Width, else 1.
func width(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0x303e, r >= 0x3041 && r <= 0xa4cf,
		r >= 0xac00 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff, r >= 0xfe30 && r <= 0xfe6f,
		r >= 0xff00 && r <= 0xff60, r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1f64f,
		r >= 0x1f680 && r <= 0x1f6ff, r >= 0x1f900 && r <= 0x1faff, r >= 0x20000 && r <= 0x3fffd:
		return 2
	}
	return 1
}
