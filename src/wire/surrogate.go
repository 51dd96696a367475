package wire

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// LoneSurrogate reports whether an escape \uD800 to \uDFFF in JSON text stands without
// its other half. encoding/json takes it for U+FFFD, and so makes two different
// passwords one.
func LoneSurrogate(text []byte) bool {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		high := escape(text[i:])
		if high < 0 || !utf16.IsSurrogate(high) {
			i++ // over the escaped character, which may be a backslash
			continue
		}
		if utf16.DecodeRune(high, escape(text[i+6:])) == utf8.RuneError {
			return true
		}
		i += 11
	}
	return false
}

// escape returns the code unit of a \uXXXX at the beginning of text, or -1.
func escape(text []byte) rune {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return -1
	}
	var n rune
	for _, c := range text[2:6] {
		digit := bytes.IndexByte([]byte("0123456789abcdef"), c|0x20)
		if digit < 0 || c < '0' {
			return -1
		}
		n = n<<4 | rune(digit)
	}
	return n
}
