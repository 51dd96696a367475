package auth

import (
	"context"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"chatlab/src/errs"
)

// Limits of the fields, from the design's section 4.
const (
	MaxID       = 32  // characters of an id
	MaxPassword = 128 // characters (Unicode code points) of a password
	MaxEmail    = 254 // octets of an e-mail address (RFC 5321, 4.5.3.1.3)
)

// User is one row of the table users.
type User struct {
	ID        string    // as the user wrote it at sign-up
	Hash      string    // PHC string of the password; never leaves the server
	Email     string    // address without a display name
	CreatedAt time.Time // UTC, to the microsecond
}

// Store keeps users. Ids are compared without regard to ASCII case; no other
// characters are folded. Every method is safe for concurrent use, ends with
// its context, and fails with code unavailable when the database is away.
type Store interface {
	// Create adds a user. Fails with id_taken when the id, in any case, is
	// there already, and with unavailable.
	Create(ctx context.Context, u User) error
	// Get returns the user with an id. Fails with not_found and unavailable.
	Get(ctx context.Context, id string) (User, error)
	// UpdatePassword replaces the hash of a user. Fails with not_found and
	// unavailable.
	UpdatePassword(ctx context.Context, id, hash string) error
	// Ping asks the database for a sign of life. Fails with unavailable.
	Ping(ctx context.Context) error
	// Close frees the connections; every call after it is unavailable.
	Close() error
}

// CheckID tells whether id is 1 to 32 of A-Z a-z 0-9 _ . - and begins with a
// letter or digit. Fails with code invalid_id.
func CheckID(id string) error {
	if id == "" {
		return errs.E(errs.InvalidID, "id is missing or empty")
	}
	if len(id) > MaxID {
		return errs.E(errs.InvalidID, "id has more than %d characters", MaxID)
	}
	for i := range len(id) {
		if c := id[i]; !alphanumeric(c) && (i == 0 || !strings.ContainsRune("_.-", rune(c))) {
			return errs.E(errs.InvalidID, "id may have letters, digits, and after the first also _ . -")
		}
	}
	return nil
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// checkPassword tells whether a password has from min to 128 characters. NUL
// is refused: nobody can type it, and other programs end strings at it.
func checkPassword(password string, minLen int) error {
	n := utf8.RuneCountInString(password)
	switch {
	case n == 0:
		return errs.E(errs.InvalidPassword, "passwd is missing or empty")
	case n < minLen:
		return errs.E(errs.InvalidPassword, "passwd has fewer than %d characters", minLen)
	case n > MaxPassword:
		return errs.E(errs.InvalidPassword, "passwd has more than %d characters", MaxPassword)
	case strings.ContainsRune(password, 0):
		return errs.E(errs.InvalidPassword, "passwd has a NUL character")
	}
	return nil
}

// checkEmail tells whether email is a bare address after RFC 5322, of at most
// 254 octets.
func checkEmail(email string) error {
	if email == "" {
		return errs.E(errs.InvalidEmail, "email is missing or empty")
	}
	if len(email) > MaxEmail {
		return errs.E(errs.InvalidEmail, "email has more than %d octets", MaxEmail)
	}
	a, err := mail.ParseAddress(email)
	bare := err == nil && (a.Address == email || a.String() == "<"+email+">") // the second: "a b"@example.org
	if !bare || strings.ContainsFunc(email, control) {
		return errs.E(errs.InvalidEmail, "email is not an address like kim@example.org")
	}
	return nil
}

func control(r rune) bool { return r < ' ' || r == 0x7f }

// NoUser is the error of a [Store] that has no user of an id.
func NoUser() error { return errs.E(errs.NotFound, "there is no user with this id") }

// StoreAway gives a database's error the code of one that is away; nil stays nil.
func StoreAway(err error) error {
	if err == nil {
		return nil
	}
	return errs.Wrap(err, errs.Unavailable, "the database is away").WithRetry(2 * time.Second)
}
