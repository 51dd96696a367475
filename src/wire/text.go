package wire

import (
	"strings"
	"unicode/utf8"

	"chatlab/src/errs"
)

// CleanText returns text as another user may be shown it, see the package's
// section Text, without spaces at its end; "" if nothing is left. Fails with
// code bad_utf8.
func CleanText(s string) (string, error) {
	if !utf8.ValidString(s) {
		return "", errs.E(errs.BadUTF8, "the line is not UTF-8")
	}
	return strings.TrimRight(Harmless(s), " "), nil
}

// Harmless returns text without anything that must not reach another user's terminal,
// see the package's section Text; invalid UTF-8 becomes U+FFFD.
func Harmless(s string) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, unfit) < 0 {
		return s
	}
	return strings.Map(fit, strings.ToValidUTF8(s, "\uFFFD"))
}

// unfit tells whether a character must not reach another user's terminal.
func unfit(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r < 0xa0, // C0, DEL, C1
		r == 0x2028, r == 0x2029, // line and paragraph separator
		r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // bidi embeddings, overrides, isolates
		return true
	}
	return false
}

// fit maps breaks to a space and removes the other unfit characters.
func fit(r rune) rune {
	switch {
	case r >= '\t' && r <= '\r', r == 0x85, r == 0x2028, r == 0x2029:
		return ' '
	case unfit(r):
		return -1
	}
	return r
}
