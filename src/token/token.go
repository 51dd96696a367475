// Package token issues and verifies chatlab's access tokens: JWT (RFC 7519)
// signed with HMAC-SHA256 (RFC 7515), checked after RFC 8725.
//
// A token's header is exactly {"alg":"HS256","typ":"JWT"} and its payload
// {"iss":"Auth","user":ID,"token":"access","exp":iat+1800,"iat":UNIX SECONDS}.
package token

import (
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"chatlab/src/errs"
)

// What every token says, and for how long.
const (
	Issuer   = "Auth"
	Kind     = "access"
	Lifetime = 30 * time.Minute
	// Leeway is how far two machines' clocks may be apart.
	Leeway = 5 * time.Second
	// MaxLen is the longest token that is looked at, in bytes.
	MaxLen = 2048
)

// Claims is the payload, its fields in the order in which they are written.
type Claims struct {
	Issuer    string `json:"iss"`
	User      string `json:"user"`
	Kind      string `json:"token"`
	ExpiresAt int64  `json:"exp"` // Unix seconds
	IssuedAt  int64  `json:"iat"` // Unix seconds
	NotBefore int64  `json:"nbf,omitempty"`

	key [sha256.Size]byte // hash of the key that signed it
}

// Expires returns the time at which the token ends.
func (c Claims) Expires() time.Time { return time.Unix(c.ExpiresAt, 0) }

// Issue signs a token for a user with the first key. The only failure is a
// ring without a key (code internal).
func (r *Ring) Issue(user string, now time.Time) (string, Claims, error) {
	keys := r.current()
	if len(keys) == 0 {
		return "", Claims{}, errs.E(errs.Internal, "no signing key")
	}
	c := Claims{Issuer: Issuer, User: user, Kind: Kind, IssuedAt: now.Unix()}
	c.ExpiresAt = c.IssuedAt + int64(Lifetime/time.Second)
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString(keys[0])
	if err != nil {
		return "", Claims{}, errs.Wrap(err, errs.Internal, "sign token")
	}
	return signed, c, nil
}

// Verify checks a token against every key of the ring and returns its claims.
// It fails with code token_expired when all but the time is right, and with
// bad_token for everything else; the message never says which check failed.
func (r *Ring) Verify(raw string, now time.Time) (Claims, error) {
	if raw == "" || len(raw) > MaxLen {
		return Claims{}, bad(nil)
	}
	if err := checkForm(raw); err != nil {
		return Claims{}, bad(err)
	}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithIssuer(Issuer), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithLeeway(Leeway), jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(func() time.Time { return now }),
	)
	err := errors.New("no key")
	for _, key := range r.current() {
		var c Claims
		_, err = parser.ParseWithClaims(raw, &c, func(*jwt.Token) (any, error) { return key, nil })
		if err == nil {
			c.key = sha256.Sum256(key)
			return c, nil
		}
		if errors.Is(err, jwt.ErrTokenExpired) && !errors.Is(err, jwt.ErrTokenSignatureInvalid) {
			return Claims{}, errs.Wrap(err, errs.TokenExpired, "the token has expired").WithFix("sign in again")
		}
	}
	return Claims{}, bad(err)
}

// ErrRevoked is the error of a token that its user has ended.
func ErrRevoked() error {
	return errs.E(errs.TokenRevoked, "your token was ended").WithFix("sign in again")
}

// Holds tells whether the key that signed a verified token is still in the ring.
func (r *Ring) Holds(c Claims) bool {
	return slices.ContainsFunc(r.current(), func(key []byte) bool { return sha256.Sum256(key) == c.key })
}

func bad(cause error) error {
	return errs.Wrap(cause, errs.BadToken, "the token is not valid").WithFix("sign in again")
}

// Validate is called by the parser after signature, issuer and times: it
// checks what the library does not know. See [jwt.ClaimsValidator].
func (c Claims) Validate() error {
	life := c.ExpiresAt - c.IssuedAt
	if c.Kind != Kind || c.User == "" || c.IssuedAt <= 0 || life <= 0 || life > int64(Lifetime/time.Second) {
		return jwt.ErrTokenInvalidClaims
	}
	return nil
}

// The jwt.Claims interface.

// GetExpirationTime returns exp.
func (c Claims) GetExpirationTime() (*jwt.NumericDate, error) { return numeric(c.ExpiresAt), nil }

// GetIssuedAt returns iat.
func (c Claims) GetIssuedAt() (*jwt.NumericDate, error) { return numeric(c.IssuedAt), nil }

// GetNotBefore returns nbf, which our own tokens do not have.
func (c Claims) GetNotBefore() (*jwt.NumericDate, error) { return numeric(c.NotBefore), nil }

// GetIssuer returns iss.
func (c Claims) GetIssuer() (string, error) { return c.Issuer, nil }

// GetSubject returns the user.
func (c Claims) GetSubject() (string, error) { return c.User, nil }

// GetAudience returns nothing: tokens have no aud.
func (c Claims) GetAudience() (jwt.ClaimStrings, error) { return nil, nil }

func numeric(sec int64) *jwt.NumericDate {
	if sec == 0 {
		return nil
	}
	return jwt.NewNumericDate(time.Unix(sec, 0))
}
