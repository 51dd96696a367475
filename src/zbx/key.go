package zbx

import (
	"strings"

	"chatlab/src/errs"
)

// Limits of an item key.
const (
	MaxKey    = 2048 // bytes, as a Zabbix server's item keys
	MaxParams = 32   // as Zabbix's agent 2
)

// ParseKey splits an item key, name[param,"quoted",[array,of,some]], into its
// name and parameters. A quoted parameter loses its quotes, and \" becomes ";
// an array stays one parameter, without its brackets. See Zabbix's manual,
// "Item key format". Fails with code bad_request.
func ParseKey(key string) (name string, params []string, err error) {
	if len(key) > MaxKey {
		return "", nil, invalidKey("longer than %d bytes", MaxKey)
	}
	end := 0
	for end < len(key) && nameByte(key[end]) {
		end++
	}
	switch {
	case end == 0:
		return "", nil, invalidKey("no name")
	case end == len(key):
		return key, nil, nil
	case key[end] != '[':
		return "", nil, invalidKey("character %q in the name", key[end])
	}
	params, rest, err := list(key[end+1:], false)
	switch {
	case err != nil:
		return "", nil, err
	case rest != "":
		return "", nil, invalidKey("text after ]")
	}
	return key[:end], params, nil
}

func invalidKey(format string, args ...any) error {
	return errs.Wrap(errs.E(errs.BadRequest, format, args...), errs.BadRequest, "Invalid item key format.")
}

func nameByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("_-.", c) >= 0
}

// list reads parameters up to the ] that ends them and returns what follows.
func list(s string, nested bool) (params []string, rest string, err error) {
	for {
		s = strings.TrimLeft(s, " ")
		var param string
		if param, s, err = one(s, nested); err != nil {
			return nil, "", err
		}
		if params = append(params, param); len(params) > MaxParams {
			return nil, "", invalidKey("more than %d parameters", MaxParams)
		}
		switch {
		case s == "":
			return nil, "", invalidKey("no ] at the end")
		case s[0] == ']':
			return params, s[1:], nil
		}
		s = s[1:] // the comma
	}
}

// one reads a parameter; the rest begins with , or ] or is empty.
func one(s string, nested bool) (param, rest string, err error) {
	switch {
	case strings.HasPrefix(s, `"`):
		param, rest, err = quoted(s[1:])
	case strings.HasPrefix(s, "["):
		if nested {
			return "", "", invalidKey("an array in an array")
		}
		var inner string
		if _, inner, err = list(s[1:], true); err == nil {
			param, rest = s[1:len(s)-len(inner)-1], inner
		}
	default:
		end := strings.IndexAny(s, ",]")
		if end < 0 {
			return s, "", nil
		}
		return s[:end], s[end:], nil
	}
	if err != nil {
		return "", "", err
	}
	rest = strings.TrimLeft(rest, " ")
	if rest != "" && rest[0] != ',' && rest[0] != ']' {
		return "", "", invalidKey("character %q after a parameter", rest[0])
	}
	return param, rest, nil
}

func quoted(s string) (param, rest string, err error) {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return out.String(), s[i+1:], nil
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '"':
			i++
		}
		out.WriteByte(s[i])
	}
	return "", "", invalidKey("a quoted parameter without its end")
}
