package check

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"sync"
	"time"

	"chatlab/src/errs"
)

// The forger writes tokens by hand, from RFC 7515 and nothing of the code
// under check, so that a fault in that code cannot hide here too.

const (
	headerHS256 = `{"alg":"HS256","typ":"JWT"}`
	headerRS256 = `{"alg":"RS256","typ":"JWT"}`
	headerNone  = `{"alg":"none","typ":"JWT"}`
)

// lifetime of a token, in seconds (specification).
const lifetime = 1800

func payload(issuer, user, kind string, iat time.Time) string {
	return fmt.Sprintf(`{"iss":%s,"user":%s,"token":%s,"exp":%d,"iat":%d}`,
		jsonText(issuer), jsonText(user), jsonText(kind), iat.Unix()+lifetime, iat.Unix())
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func signHMAC(header, payload string, key []byte) string {
	input := b64(header) + "." + b64(payload)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(input))
	return input + "." + b64(string(mac.Sum(nil)))
}

func signRSA(header, payload string, key *rsa.PrivateKey) (string, error) {
	input := b64(header) + "." + b64(payload)
	sum := sha256.Sum256([]byte(input))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	return input + "." + b64(string(sig)), err
}

// forgery is a token that both servers must refuse.
type forgery struct {
	name, text string
	code       errs.Code
	keyed      bool // made with the lab's own key
	make       func(s secrets) (string, error)
}

// secrets is what forgeries are made of.
type secrets struct {
	good string // a token of the auth server
	user string // whose it is
	key  []byte // the lab's key; nil unless keyed
	rsa  func() (*rsa.PrivateKey, error)
}

func (s secrets) payload() string { return payload("Auth", s.user, "access", time.Now()) }

// forgeries is the table of RFC 8725's attacks and of every claim that the
// specification fixes.
func forgeries() []forgery {
	return []forgery{
		{"tampered", "a token whose payload was changed", errs.BadToken, false, tampered},
		{"cut", "a token that lacks the end of its signature", errs.BadToken, false,
			func(s secrets) (string, error) { return s.good[:len(s.good)-4], nil }},
		{"unsigned", "a token with an empty signature", errs.BadToken, false,
			func(s secrets) (string, error) { return s.good[:strings.LastIndexByte(s.good, '.')+1], nil }},
		{"none", "a token with alg none", errs.BadToken, false,
			func(s secrets) (string, error) { return b64(headerNone) + "." + b64(s.payload()) + ".", nil }},
		{"key", "a token signed with another key", errs.BadToken, false,
			func(s secrets) (string, error) {
				return signHMAC(headerHS256, s.payload(), []byte(strings.Repeat("k", 32))), nil
			}},
		{"rs256", "a token signed with an RSA key", errs.BadToken, false,
			func(s secrets) (string, error) {
				key, err := s.rsa()
				if err != nil {
					return "", err
				}
				return signRSA(headerRS256, s.payload(), key)
			}},
		{"confused", "a token with alg RS256 whose signature is the HMAC under a public key", errs.BadToken, false, confused},
		{"mismatch", "a token with alg RS256 over the right HMAC", errs.BadToken, true,
			func(s secrets) (string, error) { return signHMAC(headerRS256, s.payload(), s.key), nil }},
		{"issuer", "a token of another issuer", errs.BadToken, true,
			func(s secrets) (string, error) {
				return signHMAC(headerHS256, payload("auth", s.user, "access", time.Now()), s.key), nil
			}},
		{"kind", "a token that is not an access token", errs.BadToken, true,
			func(s secrets) (string, error) {
				return signHMAC(headerHS256, payload("Auth", s.user, "refresh", time.Now()), s.key), nil
			}},
		{"expired", "a token that has expired", errs.TokenExpired, true,
			func(s secrets) (string, error) {
				return signHMAC(headerHS256, payload("Auth", s.user, "access", time.Now().Add(-31*time.Minute)), s.key), nil
			}},
		{"endless", "a token without exp", errs.BadToken, true,
			func(s secrets) (string, error) {
				endless := fmt.Sprintf(`{"iss":"Auth","user":%s,"token":"access","iat":%d}`, jsonText(s.user), time.Now().Unix())
				return signHMAC(headerHS256, endless, s.key), nil
			}},
		{"long", "a token that lives for centuries", errs.BadToken, true,
			func(s secrets) (string, error) {
				return signHMAC(headerHS256, strings.Replace(s.payload(), `"exp":`, `"exp":2`, 1), s.key), nil
			}},
		{"early", "a token that is not valid before an hour from now", errs.BadToken, true,
			func(s secrets) (string, error) {
				early := fmt.Sprintf(`{"nbf":%d,`, time.Now().Add(time.Hour).Unix()) + s.payload()[1:]
				return signHMAC(headerHS256, early, s.key), nil
			}},
		{"crit", "a token whose header demands an extension that nobody knows", errs.BadToken, true,
			func(s secrets) (string, error) {
				return signHMAC(`{"alg":"HS256","typ":"JWT","crit":["chatlab"],"chatlab":true}`, s.payload(), s.key), nil
			}},
		{"case", "a token whose claim is USER in place of user", errs.BadToken, true,
			func(s secrets) (string, error) {
				return signHMAC(headerHS256, strings.Replace(s.payload(), `"user"`, `"USER"`, 1), s.key), nil
			}},
		{"twice", "a token that names two users", errs.BadToken, true,
			func(s secrets) (string, error) {
				return signHMAC(headerHS256, `{"user":"nobody",`+s.payload()[1:], s.key), nil
			}},
		{"future", "a token issued an hour from now", errs.BadToken, true,
			func(s secrets) (string, error) {
				return signHMAC(headerHS256, payload("Auth", s.user, "access", time.Now().Add(time.Hour)), s.key), nil
			}},
	}
}

func tampered(s secrets) (string, error) {
	part := strings.Split(s.good, ".")
	if len(part) != 3 {
		return "", fmt.Errorf("the server's token has %d parts", len(part))
	}
	part[1] = b64(payload("Auth", s.user+"x", "access", time.Now()))
	return strings.Join(part, "."), nil
}

func confused(s secrets) (string, error) {
	key, err := s.rsa()
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return "", err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	return signHMAC(headerRS256, s.payload(), text), nil
}

// newRSA makes the one RSA key of a run, on first need.
func newRSA() func() (*rsa.PrivateKey, error) {
	return sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })
}
