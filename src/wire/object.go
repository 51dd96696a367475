package wire

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"chatlab/src/errs"
)

// value is one value of an object: its raw JSON, a string or a number.
type value []byte

// parseObject reads a flat JSON object strictly: string and integer values
// only, no key twice, nothing after it. encoding/json does none of that.
func parseObject(line []byte, set func(key string, v value) error) error {
	if !utf8.Valid(line) {
		return errs.E(errs.BadUTF8, "the line is not UTF-8")
	}
	p := scanner{rest: line}
	if !p.skip('{') {
		return errNotJSON()
	}
	seen := make([]string, 0, 4)
	for first := true; !p.skip('}'); first = false {
		if !first && !p.skip(',') {
			return errNotJSON()
		}
		var key string
		if raw := p.value(); raw.text(&key) != nil || !p.skip(':') {
			return errNotJSON()
		}
		for _, s := range seen {
			if s == key {
				return errs.E(errs.BadRequest, "a key stands twice")
			}
		}
		if seen = append(seen, key); len(seen) > 16 {
			return errNotJSON()
		}
		v := p.value()
		if v == nil {
			return errNotJSON()
		}
		if err := set(key, v); err != nil {
			return err
		}
	}
	if p.space(); len(p.rest) > 0 {
		return errs.E(errs.BadRequest, "there is something after the JSON object")
	}
	return nil
}

func errNotJSON() error {
	return errs.E(errs.BadRequest, "the line is not a JSON object of strings and whole numbers")
}

type scanner struct{ rest []byte }

func (p *scanner) space() {
	for len(p.rest) > 0 && (p.rest[0] == ' ' || p.rest[0] == '\t' || p.rest[0] == '\r' || p.rest[0] == '\n') {
		p.rest = p.rest[1:]
	}
}

func (p *scanner) skip(c byte) bool {
	p.space()
	if len(p.rest) == 0 || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// value takes a string or the digits of a number off the input, nil if neither
// is there.
func (p *scanner) value() value {
	p.space()
	if len(p.rest) == 0 {
		return nil
	}
	end := 0
	if p.rest[0] == '"' {
		for end = 1; end < len(p.rest) && p.rest[end] != '"'; end++ {
			if p.rest[end] == '\\' {
				end++
			}
		}
		if end++; end > len(p.rest) {
			return nil
		}
	} else {
		for end < len(p.rest) && p.rest[end] >= '0' && p.rest[end] <= '9' {
			end++
		}
		if end == 0 {
			return nil
		}
	}
	v := p.rest[:end]
	p.rest = p.rest[end:]
	return v
}

func (v value) text(to *string) error {
	if len(v) < 2 || v[0] != '"' {
		return errs.E(errs.BadRequest, "a value that has to be a string is not")
	}
	inner := v[1 : len(v)-1]
	for _, c := range inner {
		if c == '\\' || c < 0x20 {
			return v.escaped(to)
		}
	}
	*to = string(inner)
	return nil
}

// escaped decodes the rare string with escapes, and refuses halves of
// surrogate pairs, for which encoding/json would put U+FFFD.
func (v value) escaped(to *string) error {
	if LoneSurrogate(v) {
		return errs.E(errs.BadUTF8, "half a surrogate pair")
	}
	if json.Unmarshal(v, to) != nil {
		return errNotJSON()
	}
	return nil
}

func (v value) number() (uint64, error) {
	n, err := strconv.ParseUint(string(v), 10, 64)
	if err != nil || (len(v) > 1 && v[0] == '0') {
		return 0, errs.E(errs.BadRequest, "a value that has to be a whole number is not")
	}
	return n, nil
}
