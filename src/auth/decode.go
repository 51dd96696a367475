package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"unicode/utf8"

	"chatlab/src/errs"
	"chatlab/src/wire"
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
	if wire.LoneSurrogate(body) {
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
