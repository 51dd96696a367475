package auth

import (
	"context"
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ccojocar/zxcvbn-go/frequency"

	"chatlab/src/errs"
	"chatlab/src/token"
)

// Limits of the fields, from the design's section 4.
const (
	MaxID       = 32  // characters of an id
	MaxPassword = 128 // characters (Unicode code points) of a password
	MaxEmail    = 254 // octets of an e-mail address (RFC 5321, 4.5.3.1.3)
)

// User is one row of the table users.
type User struct {
	ID         string    // as the user wrote it at sign-up
	Hash       string    // PHC string of the password; never leaves the server
	Email      string    // address without a display name
	CreatedAt  time.Time // UTC, to the microsecond
	TokensFrom time.Time // tokens issued before have ended; zero: none has
}

// Store keeps users, what ended their tokens, and wrong passwords. Ids are compared
// without regard to ASCII case; no other characters are folded. Every method is safe
// for concurrent use, ends with its context, and fails with code unavailable when
// the database is away, or before Migrate has succeeded.
type Store interface {
	// Migrate brings the schema up to date. Fails with unavailable, and with usage
	// when the schema is a later version's.
	Migrate(ctx context.Context) error

	// Create adds a user. Fails with id_taken when the id, in any case, is
	// there already, and with unavailable.
	Create(ctx context.Context, u User) error
	// Get returns the user with an id. Fails with not_found and unavailable.
	Get(ctx context.Context, id string) (User, error)
	// GetLatest is Get after all that any server of the database has answered.
	GetLatest(ctx context.Context, id string) (User, error)
	// UpdatePassword replaces the hash of a user. Fails with not_found and
	// unavailable.
	UpdatePassword(ctx context.Context, id, hash string) error
	// ChangePassword is UpdatePassword and EndTokens, both or neither.
	ChangePassword(ctx context.Context, id, hash string, least time.Time) (from time.Time, err error)
	// Delete removes a user and ends the id's tokens, both or neither. Fails with
	// not_found and unavailable.
	Delete(ctx context.Context, id string, least time.Time) error

	// EndTokens ends the tokens of an id that were issued before the next full second
	// by the database's clock, or before least where that is later by less than MaxSkew.
	// The id need not be a user's.
	EndTokens(ctx context.Context, id string, least time.Time) (from time.Time, err error)
	// Ended returns the ids whose tokens ended after a time.
	Ended(ctx context.Context, since time.Time) (token.Ended, error)

	// Tries returns the counts of an id, in lower case, and a network.
	Tries(ctx context.Context, id, network string) (Tries, error)
	// Fail counts a wrong password of an id from a network, now. Failures that lie
	// further from now than window do not count any more.
	Fail(ctx context.Context, id, network string, now time.Time, window time.Duration) error
	// Clear forgets the failures of an id from a network, which signed in now, and
	// keeps that for a time.
	Clear(ctx context.Context, id, network string, now time.Time, keep time.Duration) error
	// Forget removes counts that have expired, a limited number at once, and
	// tells whether there may be more.
	Forget(ctx context.Context, now time.Time) (more bool, err error)

	// Ready returns nil when the database takes writes, with no trace of the one that
	// is tried. Fails with unavailable; the message says why.
	Ready(ctx context.Context) error
	// Close frees the connections; every call after it is unavailable.
	Close() error
}

// MaxSkew is how far an auth server's clock may lead the database's.
const MaxSkew = 5 * time.Second

// taken are ids that nobody gets: as the name before a line of chat they would read
// like the server's own words.
var taken = []string{"error", "hint", "ok", "server", "system", "connected", "connected."}

func checkNewID(id string) error {
	if slices.Contains(taken, strings.ToLower(id)) {
		return errs.E(errs.InvalidID, "this id is the system's own")
	}
	return CheckID(id)
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

// checkNewPassword tells whether a password may be a user's from now on. Fails with
// code invalid_password.
func (s *Service) checkNewPassword(id, password string) error {
	if err := checkPassword(password, s.cfg.Password.MinLength); err != nil {
		return err
	}
	if s.cfg.Password.RefuseCommon && (common(password) || strings.EqualFold(password, id)) {
		return errs.E(errs.InvalidPassword, "passwd is one of the most common, or the id")
	}
	return nil
}

// common tells whether a password, in any case, is one that guessers try first.
func common(password string) bool {
	return slices.Contains(frequency.Lists["Passwords"].List, strings.ToLower(password))
}

// checkEmail tells whether email is a bare address after RFC 5322, of at most
// 254 octets that print.
func checkEmail(email string) error {
	if email == "" {
		return errs.E(errs.InvalidEmail, "email is missing or empty")
	}
	if len(email) > MaxEmail {
		return errs.E(errs.InvalidEmail, "email has more than %d octets", MaxEmail)
	}
	a, err := mail.ParseAddress(email)
	bare := err == nil && (a.Address == email || a.String() == "<"+email+">") // the second: "a b"@example.org
	if !bare || strings.ContainsFunc(email, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return errs.E(errs.InvalidEmail, "email is not an address like kim@example.org")
	}
	return nil
}

// NoUser is the error of a [Store] that has no user of an id.
func NoUser() error { return errs.E(errs.NotFound, "there is no user with this id") }

// StoreAway is the error of a database that cannot be used, in words for people; the
// cause goes to the log.
func StoreAway(cause error, words string) error {
	return errs.Wrap(cause, errs.Unavailable, "%s", words).WithRetry(2 * time.Second)
}

// CheckSchema fails with code usage when a schema is of a later version than the
// program knows.
func CheckSchema(is, known int64, err error) error {
	if err == nil && is > known {
		err = errs.E(errs.Usage, "the database's schema has version %d, this authd knows %d", is, known).
			WithFix("install the later authd again, or put back the database of before the upgrade")
	}
	return err
}
