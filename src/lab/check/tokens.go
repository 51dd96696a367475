package check

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// clockSlack is how far the lab's clocks may be from this machine's, in seconds.
const clockSlack = 60

// claims of a token, read without trust.
type claims struct {
	Issuer   string `json:"iss"`
	User     string `json:"user"`
	Kind     string `json:"token"`
	Expires  int64  `json:"exp"`
	IssuedAt int64  `json:"iat"`
	header   string
	payload  string
}

// readToken takes a token apart, by hand as the forger makes them.
func readToken(raw string) (claims, error) {
	part := strings.Split(raw, ".")
	if len(part) != 3 {
		return claims{}, failf("a token of three parts", "%d parts", len(part))
	}
	var text [3]string
	for i, p := range part {
		b, err := base64.RawURLEncoding.DecodeString(p)
		if err != nil {
			return claims{}, failf("base64url without padding", "part %d of the token: %v", i+1, err)
		}
		text[i] = string(b)
	}
	c := claims{header: text[0], payload: text[1]}
	if err := json.Unmarshal([]byte(text[1]), &c); err != nil {
		return claims{}, failf("a payload in JSON", "%s", text[1])
	}
	return c, nil
}

// tokenIn returns the token of an answer, or "".
func tokenIn(r reply) string {
	var doc struct{ Token string }
	if json.Unmarshal([]byte(r.body), &doc) != nil {
		return ""
	}
	return doc.Token
}

// tokenChecks proves what a token says, and that authd's refresh refuses every
// forgery.
func tokenChecks() []Check {
	checks := []Check{
		{Name: "auth.token.header", Text: "a token's header is exactly the specification's", Run: tokenHeader},
		{Name: "auth.token.claims", Text: "a token's payload is exactly the specification's", Run: tokenClaims},
		{Name: "auth.token.lifetime", Text: "a token lasts 30 minutes, from now", Run: tokenLifetime},
		{Name: "auth.token.signature", Text: "a token is signed HMAC-SHA256 with the lab's key", Needs: []Need{hasKey}, Run: tokenSignature},
		{Name: "auth.token.accepted", Text: "a hand-made token that is right is accepted", Needs: []Need{hasKey}, Run: func(ctx context.Context, e *Env) error {
			s, err := e.secrets(true)
			if err != nil {
				return err
			}
			r, err := e.refresh(ctx, signHMAC(headerHS256, s.payload(), s.key))
			e.Same("status", http.StatusOK, r.status)
			return err
		}},
	}
	for _, f := range forgeries() {
		checks = append(checks, Check{Name: "auth.token." + f.name, Text: f.text + " is refused by authd", Needs: f.needs(),
			Run: func(ctx context.Context, e *Env) error { return e.authRefuses(ctx, f) }})
	}
	return checks
}

func (f forgery) needs() []Need {
	if f.keyed {
		return []Need{hasKey}
	}
	return nil
}

// forge makes a forgery of the first user's token.
func (e *Env) forge(f forgery) (string, error) {
	s, err := e.secrets(f.keyed)
	if err != nil {
		return "", err
	}
	return f.make(s)
}

// secrets collects what tokens are made of.
func (j *Journey) secrets(keyed bool) (secrets, error) {
	p, err := j.member(0)
	if err != nil {
		return secrets{}, err
	}
	s := secrets{good: p.token, user: p.name, rsa: j.rsa}
	if keyed {
		s.key, err = j.signingKey()
	}
	return s, err
}

func (e *Env) authRefuses(ctx context.Context, f forgery) error {
	raw, err := e.forge(f)
	if err != nil {
		return err
	}
	r, err := e.refresh(ctx, raw)
	if err != nil {
		return err
	}
	e.refuses(r, http.StatusUnauthorized, f.code)
	return nil
}

func (e *Env) firstToken() (person, claims, error) {
	p, err := e.member(0)
	if err != nil {
		return p, claims{}, err
	}
	c, err := readToken(p.token)
	return p, c, err
}

func tokenHeader(_ context.Context, e *Env) error {
	_, c, err := e.firstToken()
	if err != nil {
		return err
	}
	e.Same("header", headerHS256, c.header)
	return nil
}

func tokenClaims(_ context.Context, e *Env) error {
	for i := range e.people {
		p, err := e.member(i)
		if err != nil {
			return err
		}
		c, err := readToken(p.token)
		if err != nil {
			return err
		}
		e.Same("payload", fmt.Sprintf(`{"iss":"Auth","user":"%s","token":"access","exp":%d,"iat":%d}`, p.name, c.Expires, c.IssuedAt), c.payload)
	}
	return nil
}

func tokenLifetime(_ context.Context, e *Env) error {
	p, c, err := e.firstToken()
	if err != nil {
		return err
	}
	e.Same("exp - iat", int64(lifetime), c.Expires-c.IssuedAt)
	off := c.IssuedAt - p.signedIn.Unix()
	e.True(off >= -clockSlack && off <= clockSlack, fmt.Sprintf("iat within %d s of %s", clockSlack, p.signedIn.UTC().Format(time.RFC3339)),
		"iat %s", time.Unix(c.IssuedAt, 0).UTC().Format(time.RFC3339))
	return nil
}

func tokenSignature(_ context.Context, e *Env) error {
	p, c, err := e.firstToken()
	if err != nil {
		return err
	}
	key, err := e.signingKey()
	if err != nil {
		return err
	}
	// The texts would show half a valid token: say only whether they agree.
	e.True(signHMAC(c.header, c.payload, key) == p.token, "the signature of RFC 7515 under the first key of the key file", "another one")
	return nil
}
