package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"unicode/utf16"
	"unicode/utf8"

	"chatlab/src/errs"
)

// decode reads a JSON object (RFC 8259) whose members are strings, and nothing
// else: exact names, each at most once, valid UTF-8, no unpaired surrogates, and
// nothing after it. A member that is not there is "". Fails with malformed and
// unknown_field.
func decode(body []byte, known ...string) (map[string]string, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, errs.E(errs.Malformed, "the body is empty, not a JSON object")
	}
	if !utf8.Valid(body) {
		return nil, errs.E(errs.Malformed, "the body is not valid UTF-8")
	}
	if loneSurrogate(body) {
		return nil, errs.E(errs.Malformed, "the body has half of a surrogate pair")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, errs.E(errs.Malformed, "the body is not a JSON object")
	}
	got := make(map[string]string, len(known))
	for dec.More() {
		if err := member(dec, got, known); err != nil {
			return nil, err
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, errs.E(errs.Malformed, "the body is not a whole JSON object")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errs.E(errs.Malformed, "something follows the JSON object")
	}
	return got, nil
}

func member(dec *json.Decoder, got map[string]string, known []string) error {
	tok, err := dec.Token()
	name, isString := tok.(string)
	if err != nil || !isString {
		return errs.E(errs.Malformed, "the body is not a whole JSON object")
	}
	if !slices.Contains(known, name) {
		return errs.E(errs.UnknownField, "unknown field %.40q", name)
	}
	if _, twice := got[name]; twice {
		return errs.E(errs.Malformed, "the field %s comes twice", name)
	}
	if tok, err = dec.Token(); err != nil {
		return errs.E(errs.Malformed, "the field %s has no JSON value", name)
	}
	value, isString := tok.(string)
	if !isString {
		return errs.E(errs.Malformed, "the field %s is not a string", name)
	}
	got[name] = value
	return nil
}

// loneSurrogate tells whether an escape \uD800 to \uDFFF stands without its
// other half: the decoder would take it for U+FFFD, and so make two different
// passwords one.
func loneSurrogate(text []byte) bool {
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
