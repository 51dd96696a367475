package main

import (
	"slices"
	"strings"
)

// maxRecalled bounds the lines that can be called back.
const maxRecalled = 500

// recall holds the lines that a person has typed, for the cursor keys.
type recall struct {
	lines []string
	back  int    // how many lines the person has gone back
	typed string // what was being typed before
}

// add keeps a line, unless it is that of before.
func (r *recall) add(line string) {
	r.back = 0
	if n := len(r.lines); strings.TrimSpace(line) == "" || n > 0 && r.lines[n-1] == line {
		return
	}
	r.lines = append(r.lines, line)
	r.lines = r.lines[max(0, len(r.lines)-maxRecalled):]
}

// step goes back (1) or forth (-1) from a line. ok is false where there is nothing.
func (r *recall) step(by int, line string) (text string, ok bool) {
	to := r.back + by
	if to < 0 || to > len(r.lines) {
		return "", false
	}
	if r.back == 0 {
		r.typed = line
	}
	if r.back = to; to == 0 {
		return r.typed, true
	}
	return r.lines[len(r.lines)-to], true
}

// called puts an earlier or a later line in the place of the one being typed.
func (e *editor) called(by int) action {
	if e.recall == nil {
		return actNone
	}
	text, ok := e.recall.step(by, string(e.buf))
	if !ok {
		return actNone
	}
	e.begin(text)
	return actChanged
}

// complete completes the word before the cursor, as far as it is clear.
func (e *editor) complete() action {
	if e.words == nil {
		return e.insert(' ')
	}
	from := e.wordStart()
	if e.pos > 0 && e.buf[e.pos-1] == ' ' {
		from = e.pos
	}
	word := string(e.buf[from:e.pos])
	var fits []string
	for _, w := range e.words(from == 0) {
		if strings.HasPrefix(strings.ToLower(w), strings.ToLower(word)) && word != "" {
			fits = append(fits, w)
		}
	}
	if len(fits) == 0 {
		return actNone
	}
	text := common(fits)
	if len(fits) == 1 {
		text += " "
	}
	rest := e.buf[e.pos:]
	line := slices.Concat(e.buf[:from], []rune(text), rest)
	if len(string(line)) > e.limit || text == word {
		return actNone
	}
	e.buf, e.pos = line, from+len([]rune(text))
	return actChanged
}

// common returns the longest beginning that all words have.
func common(words []string) string {
	text := []rune(words[0])
	for _, w := range words[1:] {
		n := 0
		for _, r := range w {
			if n == len(text) || text[n] != r {
				break
			}
			n++
		}
		text = text[:n]
	}
	return string(text)
}
