package client

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable returns text that is safe on a terminal and stays on its line:
// control characters (C0, DEL, C1, and those that turn the direction of text)
// become U+FFFD, as do bytes that are not UTF-8; a tab becomes a space. chatd has
// done so already; a client that trusts it would be at the mercy of whatever
// answers at its address.
func Printable(s string) string {
	if isPrintable(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case hostile(r):
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

func isPrintable(s string) bool {
	for _, r := range s {
		if hostile(r) || r == utf8.RuneError {
			return false
		}
	}
	return true
}

// hostile finds controls, line separators and the direction overrides and
// isolates (U+202A to U+202E, U+2066 to U+2069). Joiners and other formatting
// characters belong to text.
func hostile(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' ||
		(r >= '\u202A' && r <= '\u202E') || (r >= '\u2066' && r <= '\u2069')
}
