package token_test

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"chatlab/src/errs"
	"chatlab/src/token"
	"chatlab/src/wait"
)

var (
	keyA = []byte("0123456789abcdef0123456789abcdef")
	keyB = []byte("fedcba9876543210fedcba9876543210")
	now  = time.Unix(1_700_000_000, 0)
)

func TestTokenIsWordForWordTheSpecifications(t *testing.T) {
	raw, claims, err := token.NewRing(keyA).Issue("kim", now)
	if err != nil {
		t.Fatal(err)
	}
	part := strings.Split(raw, ".")
	for i, want := range []string{
		`{"alg":"HS256","typ":"JWT"}`,
		`{"iss":"Auth","user":"kim","token":"access","exp":1700001800,"iat":1700000000}`,
	} {
		if got, _ := base64.RawURLEncoding.DecodeString(part[i]); string(got) != want {
			t.Errorf("part %d = %s, want %s", i, got, want)
		}
	}
	if claims.ExpiresAt-claims.IssuedAt != 1800 {
		t.Errorf("exp - iat = %d", claims.ExpiresAt-claims.IssuedAt)
	}
}

func sign(t *testing.T, method jwt.SigningMethod, key any, change func(jwt.MapClaims), header map[string]any) string {
	t.Helper()
	c := jwt.MapClaims{"iss": "Auth", "user": "kim", "token": "access", "iat": now.Unix(), "exp": now.Unix() + 1800}
	if change != nil {
		change(c)
	}
	tok := jwt.NewWithClaims(method, c)
	for k, v := range header {
		tok.Header[k] = v
	}
	raw, err := tok.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestVerifyRefusesWhatRFC8725Names(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	hs := jwt.SigningMethodHS256
	set := func(k string, v any) func(jwt.MapClaims) { return func(c jwt.MapClaims) { c[k] = v } }
	del := func(k string) func(jwt.MapClaims) { return func(c jwt.MapClaims) { delete(c, k) } }
	good := sign(t, hs, keyA, nil, nil)
	tests := map[string]struct {
		raw  string
		code errs.Code
	}{
		"good":             {good, ""},
		"second key":       {sign(t, hs, keyB, nil, nil), ""},
		"empty":            {"", errs.BadToken},
		"huge":             {strings.Repeat("a", token.MaxLen+1), errs.BadToken},
		"tampered payload": {tamper(good), errs.BadToken},
		"cut":              {good[:len(good)-2], errs.BadToken},
		"other key":        {sign(t, hs, []byte(strings.Repeat("x", 32)), nil, nil), errs.BadToken},
		"none":             {sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, nil), errs.BadToken},
		"HS512":            {sign(t, jwt.SigningMethodHS512, keyA, nil, nil), errs.BadToken},
		"RS256":            {sign(t, jwt.SigningMethodRS256, rsaKey, nil, nil), errs.BadToken},
		"wrong typ":        {sign(t, hs, keyA, nil, map[string]any{"typ": "at+jwt"}), errs.BadToken},
		"wrong iss":        {sign(t, hs, keyA, set("iss", "auth"), nil), errs.BadToken},
		"wrong kind":       {sign(t, hs, keyA, set("token", "refresh"), nil), errs.BadToken},
		"no user":          {sign(t, hs, keyA, del("user"), nil), errs.BadToken},
		"no exp":           {sign(t, hs, keyA, del("exp"), nil), errs.BadToken},
		"no iat":           {sign(t, hs, keyA, del("iat"), nil), errs.BadToken},
		"exp a string":     {sign(t, hs, keyA, set("exp", "never"), nil), errs.BadToken},
		"from the future":  {sign(t, hs, keyA, set("iat", now.Unix()+60), nil), errs.BadToken},
		"in leeway":        {sign(t, hs, keyA, ended(4), nil), ""},
		"expired":          {sign(t, hs, keyA, ended(6), nil), errs.TokenExpired},
		"expired, forged":  {sign(t, hs, []byte(strings.Repeat("x", 32)), ended(6), nil), errs.BadToken},
		"crit":             {sign(t, hs, keyA, nil, map[string]any{"crit": []string{"exp"}}), errs.BadToken},
		"more header":      {sign(t, hs, keyA, nil, map[string]any{"kid": "1"}), errs.BadToken},
		"not yet":          {sign(t, hs, keyA, set("nbf", now.Unix()+60), nil), errs.BadToken},
		"in leeway of nbf": {sign(t, hs, keyA, set("nbf", now.Unix()+4), nil), ""},
		"ten years":        {sign(t, hs, keyA, set("exp", now.Unix()+10*365*24*3600), nil), errs.BadToken},
		"a second more":    {sign(t, hs, keyA, set("exp", now.Unix()+1801), nil), errs.BadToken},
		"less than none":   {sign(t, hs, keyA, func(c jwt.MapClaims) { c["iat"], c["exp"] = now.Unix()+3, now.Unix()+2 }, nil), errs.BadToken},
		"another case":     {signText(keyA, with("user", "USER")), errs.BadToken},
		"long s":           {signText(keyA, with("user", "u\u017fer")), errs.BadToken},
		"doubled claim":    {signText(keyA, with(`"user"`, `"user":"lee","user"`)), errs.BadToken},
		"doubled by case":  {signText(keyA, with(`"user"`, `"User":"lee","user"`)), errs.BadToken},
		"two objects":      {signText(keyA, with("}", "}{}")), errs.BadToken},
	}
	ring := token.NewRing(keyA, keyB)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			claims, err := ring.Verify(tt.raw, now)
			if errs.CodeOf(err) != tt.code {
				t.Fatalf("code = %q, want %q (%v)", errs.CodeOf(err), tt.code, err)
			}
			if err == nil && claims.User != "kim" {
				t.Fatalf("user = %q", claims.User)
			}
		})
	}
}

// ended is a token of full life that ended some seconds ago.
func ended(ago int64) func(jwt.MapClaims) {
	return func(c jwt.MapClaims) { c["exp"], c["iat"] = now.Unix()-ago, now.Unix()-ago-1800 }
}

// with is the payload of a good token with a change.
func with(old, fresh string) string {
	payload := fmt.Sprintf(`{"iss":"Auth","user":"kim","token":"access","exp":%d,"iat":%d}`, now.Unix()+1800, now.Unix())
	return strings.Replace(payload, old, fresh, 1)
}

// signText signs a payload as it is.
func signText(key []byte, payload string) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func TestEndedTokens(t *testing.T) {
	ring := token.NewRing(keyA)
	_, claims, err := ring.Issue("Kim", now)
	if err != nil {
		t.Fatal(err)
	}
	ended := token.Ended{}
	if ended.Covers(claims) {
		t.Error("nobody's tokens ended, and it is covered")
	}
	ended.Add("KIM", now)
	if ended.Covers(claims) {
		t.Error("a token of the second from which tokens are good has ended")
	}
	ended.Add("KIM", now.Add(time.Second))
	if !ended.Covers(claims) {
		t.Error("a token of the second before has not ended")
	}
}

func TestARemovedKeyIsNotHeld(t *testing.T) {
	raw, _, err := token.NewRing(keyB).Issue("kim", now)
	if err != nil {
		t.Fatal(err)
	}
	both := token.NewRing(keyA, keyB)
	claims, err := both.Verify(raw, now)
	if err != nil || !both.Holds(claims) || token.NewRing(keyA).Holds(claims) {
		t.Errorf("%v: held by both %t, by the other %t", err, both.Holds(claims), token.NewRing(keyA).Holds(claims))
	}
}

// tamper changes the user in the payload and keeps the signature.
func tamper(raw string) string {
	part := strings.Split(raw, ".")
	payload, _ := base64.RawURLEncoding.DecodeString(part[1])
	var c map[string]any
	_ = json.Unmarshal(payload, &c)
	c["user"] = "root"
	payload, _ = json.Marshal(c)
	part[1] = base64.RawURLEncoding.EncodeToString(payload)
	return strings.Join(part, ".")
}

func TestRingFollowsItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jwt.key")
	line := func(k []byte) string { return base64.RawURLEncoding.EncodeToString(k) + "\n" }
	stamp := time.Now()
	write := func(text string) { // always with the same time
		t.Helper()
		if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chtimes(path, stamp, stamp)); err != nil {
			t.Fatal(err)
		}
	}
	write(line(keyA))
	var told []error
	ring, err := token.OpenRing(path, func(err error) { told = append(told, err) })
	if err != nil {
		t.Fatal(err)
	}
	old, _, _ := ring.Issue("kim", now)
	signedBy := func(key []byte) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if !wait.Until(ctx, 20*time.Millisecond, func() bool {
			fresh, _, _ := ring.Issue("kim", now)
			_, err := token.NewRing(key).Verify(fresh, now)
			return err == nil
		}) {
			t.Fatal("the new key never signed")
		}
	}
	write(line(keyB)) // of the same size, too
	signedBy(keyB)
	write("no key\n")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if !wait.Until(ctx, 20*time.Millisecond, func() bool { _, _, _ = ring.Issue("kim", now); return len(told) > 0 }) {
		t.Fatal("a file that cannot be used was never reported")
	}
	write(line(keyB) + "# the one before\n" + line(keyA))
	if !wait.Until(ctx, 20*time.Millisecond, func() bool { _, err := ring.Verify(old, now); return err == nil }) {
		t.Fatal("a token of the old key is refused")
	}
	signedBy(keyB)
	if len(told) != 1 {
		t.Errorf("one bad version was reported %d times: %v", len(told), told)
	}
}

func TestKeyFileErrorsNameTheLine(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "short": "YWJj\n", "not base64": "!!!\n", "padded": "YWJj=\n",
	} {
		if _, err := token.ParseKeys([]byte(text)); !errs.Is(err, errs.Usage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if keys, err := token.ParseKeys([]byte(token.NewKeyLine())); err != nil || len(keys[0]) != 32 {
		t.Errorf("a new line: %v", err)
	}
}
