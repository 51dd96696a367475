package main

import (
	"strings"
	"testing"
)

// typed feeds keys to an editor and draws as the terminal does.
func typed(s *screen, keys string) *editor {
	e, p := &editor{limit: 40}, &painter{cols: s.cols}
	s.write(p.draw(e))
	for i := range len(keys) {
		switch e.feed(keys[i]) {
		case actAppend:
			s.write(p.add(e))
		case actChanged:
			s.write(p.erase() + p.draw(e))
		}
	}
	return e
}

func TestKeysEditTheLine(t *testing.T) {
	tests := map[string]struct{ keys, line string }{
		"plain":              {"dk", "dk"},
		"backspace":          {"dx\x7fk\x08k", "dk"},
		"backspace at start": {"\x7f\x7fdk", "dk"},
		"hangul":             {"안\x7f안녕", "안녕"},
		"left and insert":    {"k\x1b[Dd", "dk"},
		"application keys":   {"k\x1bODd\x1bOC!", "dk!"},
		"home and end":       {"k\x1b[Hd\x1b[F!", "dk!"},
		"delete":             {"dxk\x1b[D\x1b[D\x1b[3~", "dk"},
		"ctrl-d in a line":   {"dxk\x1b[D\x1b[D\x04", "dk"},
		"ctrl-u":             {"wrong\x15dk", "dk"},
		"ctrl-w":             {"dk wrong word\x17\x17", "dk "},
		"ctrl-a, e, k":       {"k wrong\x01d\x1b[C\x0b\x05!", "dk!"},
		"tab is a space":     {"d\tk", "d k"},
		"unknown sequences":  {"d\x1b[15;2~\x1b[Z\x1bxk", "dk"},
		"endless sequence":   {"\x1b[" + strings.Repeat("1", 14) + "dk", "dk"},
		"controls":           {"d\x00\x01\x05\x07k", "dk"},
		"bad UTF-8":          {"d\xff\xc3k", "d"},
		"C1 control":         {"d\xc2\x9bk", "dk"},
		"limit":              {strings.Repeat("안", 20), strings.Repeat("안", 13)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := &screen{cols: 80}
			e := typed(s, tt.keys)
			if got := string(e.buf); got != tt.line {
				t.Errorf("line = %q, want %q", got, tt.line)
			}
			if got := s.text(); got != strings.TrimRight(tt.line, " ") || len(s.odd) > 0 {
				t.Errorf("screen = %q %q, want %q", got, s.odd, tt.line)
			}
		})
	}
}

func TestLineIsDrawnAtEveryWidth(t *testing.T) {
	for cols := 1; cols <= 12; cols++ {
		for _, keys := range []string{"abcdefghij", "abc\x1b[D\x1b[Dxyz", "abcdef\x7f\x7f\x7f\x7fgh", "안녕하세요", "a안b녕\x1b[D\x1b[D하", "abcdef\x1b[H\x1b[3~"} {
			if cols == 1 && strings.Contains(keys, "안") {
				continue // no terminal can show it
			}
			s := &screen{cols: cols}
			e := typed(s, keys)
			plain := &screen{cols: cols}
			plain.write(string(e.buf))
			if s.text() != plain.text() {
				t.Errorf("%d columns, %q: the screen shows\n%s\nwant\n%s", cols, keys, s.text(), plain.text())
			}
			before := &screen{cols: cols}
			before.write(string(e.buf[:e.pos]))
			row, col := s.cursor()
			if wantRow, wantCol := before.cursor(); row != wantRow || col != wantCol {
				t.Errorf("%d columns, %q: cursor at %d,%d, want %d,%d", cols, keys, row, col, wantRow, wantCol)
			}
		}
	}
}

func FuzzEditor(f *testing.F) {
	for _, seed := range []string{"dk\r", "안\x7f", "\x1b[D\x1b[3~", "\x1b[999999999999999999", "\xff\xc3", "\x17\x15\x0b\x01\x05\x04"} {
		f.Add(seed, 10)
	}
	f.Fuzz(func(t *testing.T, keys string, cols int) {
		if cols < 2 || cols > 200 {
			cols = 80
		}
		s := &screen{cols: cols}
		e := typed(s, keys)
		if len(string(e.buf)) > e.limit || e.pos < 0 || e.pos > len(e.buf) || len(s.odd) > 0 || len(e.part) > 16 {
			t.Fatalf("%q: %+v, screen %q", keys, e, s.odd)
		}
	})
}

func TestTabCompletesAsFarAsItIsClear(t *testing.T) {
	for keys, want := range map[string]string{
		"/j\tdev": "/join dev", "/h\t": "/h", "/he\t": "/help ", "/x\t": "/x", "\t": "", "hi kI\t!": "hi Kim !", "hi /j\t": "hi /j",
		"K\t": "Kim ", "hi le\t": "hi lee", "say k\x1b[D\x1b[C\t": "say Kim ", "hi \t": "hi ",
	} {
		e := &editor{limit: 40, words: func(first bool) []string {
			if first {
				return []string{"/help", "/history", "/join", "Kim", "lee1", "lee2"}
			}
			return []string{"Kim", "lee1", "lee2"}
		}}
		for i := range len(keys) {
			e.feed(keys[i])
		}
		if got := string(e.buf); got != want {
			t.Errorf("%q gives %q, want %q", keys, got, want)
		}
	}
}
