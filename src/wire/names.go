package wire

import (
	"strings"

	"chatlab/src/errs"
)

// ParseRoom returns the name of a room as it is kept: 1 to 32 of a-z 0-9 _ -,
// first a letter or digit; capitals are taken as small letters. "" is the
// lobby. Fails with code bad_request.
func ParseRoom(s string) (string, error) {
	if s == "" {
		return Lobby, nil
	}
	room := lower(s)
	if !validName(room, "_-") {
		return "", errs.E(errs.BadRequest, "a room's name is 1 to %d of a-z 0-9 _ -, first a letter or digit", MaxName)
	}
	return room, nil
}

// lower folds ASCII letters only: strings.ToLower makes a k of U+212A (Kelvin sign).
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}

// ValidUser tells whether a user's name is one that the auth server gives: 1 to
// 32 of A-Z a-z 0-9 _ . -, first a letter or digit.
func ValidUser(s string) bool { return validName(lower(s), "_.-") }

// ValidID tells whether a line's id is 1 to MaxID printable ASCII characters.
func ValidID(s string) bool {
	if s == "" || len(s) > MaxID {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func validName(s, marks string) bool {
	if s == "" || len(s) > MaxName || strings.IndexByte(marks, s[0]) >= 0 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && strings.IndexByte(marks, c) < 0 {
			return false
		}
	}
	return true
}
