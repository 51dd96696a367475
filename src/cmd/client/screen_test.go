package main

import (
	"strconv"
	"strings"
	"sync"
)

// screen is a terminal of some width that understands what the client writes:
// text, CR, LF, cursor up, cursor right, erase below. Anything else is kept in
// odd. It wraps as terminals do: a full row leaves the cursor on it until more
// comes.
type screen struct {
	mu       sync.Mutex
	cols     int
	rows     [][]rune
	row, col int
	esc      string
	odd      []string
	all      strings.Builder // everything that was written
}

func (s *screen) write(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all.WriteString(text)
	for _, r := range text {
		switch {
		case s.esc != "" || r == 0x1b:
			s.escape(r)
		case r == '\r':
			s.col = 0
		case r == '\n':
			s.row++
		case r < ' ' || r == 0x7f:
			s.odd = append(s.odd, strconv.QuoteRune(r))
		default:
			s.put(r)
		}
	}
}

func (s *screen) put(r rune) {
	w := width(r)
	if w == 0 {
		return
	}
	if s.col+w > s.cols {
		s.row, s.col = s.row+1, 0
	}
	for len(s.rows) <= s.row {
		s.rows = append(s.rows, nil)
	}
	line := s.rows[s.row]
	for len(line) < s.col+w {
		line = append(line, ' ')
	}
	line[s.col] = r
	if w == 2 {
		line[s.col+1] = 0 // the other half
	}
	s.rows[s.row] = line
	s.col += w
}

func (s *screen) escape(r rune) {
	s.esc += string(r)
	if len(s.esc) < 3 || (r >= '0' && r <= '9') {
		return
	}
	n, err := strconv.Atoi(s.esc[2 : len(s.esc)-1])
	if err != nil {
		n = 1
	}
	switch {
	case r == 'A':
		s.row = max(s.row-n, 0)
	case r == 'C':
		s.col = min(s.col+n, s.cols-1)
	case s.esc == "\x1b[J":
		if s.row < len(s.rows) {
			s.rows = s.rows[:s.row+1]
			s.rows[s.row] = s.rows[s.row][:min(s.col, len(s.rows[s.row]))]
		}
	default:
		s.odd = append(s.odd, strconv.Quote(s.esc))
	}
	s.esc = ""
}

// text is the visible text, without empty rows at the end.
func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, row := range s.rows {
		out = append(out, strings.TrimRight(strings.ReplaceAll(string(row), "\x00", ""), " "))
	}
	return strings.TrimRight(strings.Join(out, "\n"), "\n")
}

// had tells whether a text was ever written.
func (s *screen) had(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(s.all.String(), text)
}

// cursor is where the next character goes, with a full row's wrap made.
func (s *screen) cursor() (row, col int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.col == s.cols {
		return s.row + 1, 0
	}
	return s.row, s.col
}
