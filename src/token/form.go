package token

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// checkForm tells whether a token has exactly the header of ours, and each claim once
// under its exact name. encoding/json, by which the JWT library reads, takes any case and
// the last of several; an unknown crit has to be refused (RFC 7515, 4.1.11).
func checkForm(raw string) error {
	part := strings.Split(raw, ".")
	if len(part) != 3 {
		return errors.New("not three parts")
	}
	header, err := members(part[0])
	if err != nil {
		return err
	}
	if len(header) != 2 || header["alg"] != "HS256" || header["typ"] != "JWT" {
		return errors.New("another header")
	}
	claims, err := members(part[1])
	if err != nil {
		return err
	}
	for _, name := range []string{"iss", "user", "token", "exp", "iat"} {
		if _, ok := claims[name]; !ok {
			return errors.New("a claim is missing")
		}
	}
	return nil
}

// members reads an object whose members differ in more than case.
func members(part string) (map[string]any, error) {
	text, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("not an object")
	}
	got := map[string]any{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, err
		}
		key, _ := name.(string)
		for before := range got {
			if strings.EqualFold(before, key) { // encoding/json folds alike
				return nil, errors.New("a member comes twice")
			}
		}
		var value any
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		got[key] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the object")
	}
	return got, nil
}
