//go:build !fuzz

package auth_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"chatlab/src/auth"
	"chatlab/src/errs"
	"chatlab/src/token"
)

func TestUnknownIDAndWrongPasswordAreTheSame(t *testing.T) {
	a := newAPI(t)
	a.signUp(t, "kim")
	before := a.hashes(t)
	wrong := a.login(t, "kim", "not the password")
	unknown := a.login(t, "lee", "not the password")
	if wrong.status != 401 || wrong.code(t) != errs.WrongCredentials || wrong.status != unknown.status || wrong.body != unknown.body {
		t.Errorf("wrong password: %d %s\nunknown id: %d %s", wrong.status, wrong.body, unknown.status, unknown.body)
	}
	if got := a.hashes(t) - before; got != 2 {
		t.Errorf("two sign-ins took %d hashes", got)
	}
	if got := a.events.take(); got != "signin/kim/fail signin/lee/fail" {
		t.Errorf("events: %s", got)
	}
	if wrong.header.Get("WWW-Authenticate") == "" {
		t.Error("401 without WWW-Authenticate")
	}
}

// hashes returns how often a hash slot was used.
func (a *api) hashes(t *testing.T) int {
	t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(a.reg, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if n, ok := strings.CutPrefix(line, "chatlab_auth_hash_seconds_count "); ok {
			count, err := strconv.Atoi(strings.TrimSpace(n))
			if err != nil {
				t.Fatal(err)
			}
			return count
		}
	}
	t.Fatal("hashes are not counted")
	return 0
}

func TestSignUpEvents(t *testing.T) {
	a := newAPI(t)
	a.signUp(t, "Kim")
	for _, step := range []struct {
		id, passwd, email, events string
		code                      errs.Code
		status                    int
	}{
		{"kim", password, "a@b.c", "signup/kim/fail", errs.IDTaken, 409},
		{"lee", "short", "a@b.c", "signup/lee/fail", errs.InvalidPassword, 400},
		{"lee", password, "nobody", "signup/lee/fail", errs.InvalidEmail, 400},
		{"l/e", password, "a@b.c", "", errs.InvalidID, 400},
		{"lee", password, "a@b.c", "signup/lee/success", "", 200},
	} {
		r := a.post(t, "/auth/signup", object("id", step.id, "passwd", step.passwd, "email", step.email))
		if got := r.code(t); got != step.code || r.status != step.status {
			t.Errorf("%+v: %d %s", step, r.status, got)
		}
		if got := a.events.take(); got != step.events {
			t.Errorf("%+v: events %q", step, got)
		}
	}
}

func TestNothingHappensWhileEventsCannotBeTaken(t *testing.T) {
	a := newAPI(t)
	a.signUp(t, "kim")
	a.events.fail(errors.New("the spool is full"))
	before := a.hashes(t)
	for what, r := range map[string]answer{
		"sign-up": a.post(t, "/auth/signup", object("id", "lee", "passwd", password, "email", "a@b.c")),
		"sign-in": a.login(t, "kim", password),
	} {
		if r.status != 503 || r.code(t) != errs.Unavailable || strings.Contains(r.body, "spool") {
			t.Errorf("%s: %d %s", what, r.status, r.body)
		}
	}
	if got := a.hashes(t); got != before {
		t.Errorf("%d passwords were hashed", got-before)
	}
	if err := a.svc.Ready(context.Background()); !errs.Is(err, errs.Unavailable) {
		t.Errorf("ready: %v", err)
	}
	a.events.fail(nil)
	if r := a.get(t, "/auth/getuser/lee"); r.status != 404 {
		t.Errorf("the user was made: %s", r.body)
	}
	if err := a.svc.Ready(context.Background()); err != nil {
		t.Errorf("ready: %v", err)
	}
}

func TestDatabaseAwayIsUnavailable(t *testing.T) {
	a := newAPI(t)
	a.signUp(t, "kim")
	good := a.token(t, "kim")
	a.events.take()
	if err := a.store.Close(); err != nil {
		t.Fatal(err)
	}
	for what, r := range map[string]answer{
		"sign-up": a.post(t, "/auth/signup", object("id", "lee", "passwd", password, "email", "a@b.c")),
		"sign-in": a.login(t, "kim", password), "refresh": a.refresh(t, good), "getuser": a.get(t, "/auth/getuser/kim"),
	} {
		if r.status != 503 || r.code(t) != errs.Unavailable || strings.Contains(r.body, "sql") {
			t.Errorf("%s: %d %s", what, r.status, r.body)
		}
	}
	if r := a.get(t, "/auth/health"); r.status != 200 {
		t.Errorf("health: %d", r.status)
	}
	if err := a.svc.Ready(context.Background()); !errs.Is(err, errs.Unavailable) {
		t.Errorf("ready: %v", err)
	}
	if got := a.events.take(); got != "" {
		t.Errorf("events: %s", got)
	}
}

func TestAccountIsLockedLongerAndLonger(t *testing.T) {
	a := newAPI(t, func(c *auth.Config) {
		c.Limits.LoginFailures, c.Limits.IDFailures, c.Limits.Lockout, c.Limits.LockoutMax = 3, 0, 10*time.Second, time.Minute
	})
	a.signUp(t, "kim")
	for _, id := range []string{"KIM", "nobody"} { // a lock does not tell who exists
		for range 3 {
			if r := a.login(t, id, "wrong wrong"); r.status != 401 {
				t.Fatalf("%s: %d", id, r.status)
			}
		}
		for _, lock := range []int{10, 20, 40, 60, 60} {
			r := a.login(t, strings.ToLower(id), password) // the right one, too
			if r.status != 429 || r.code(t) != errs.RateLimited || r.header.Get("Retry-After") != strconv.Itoa(lock) {
				t.Fatalf("%s: %d, Retry-After %s, want %d", id, r.status, r.header.Get("Retry-After"), lock)
			}
			a.pass(time.Duration(lock) * time.Second)
			if r := a.login(t, id, "wrong wrong"); r.status != 401 {
				t.Fatalf("%s after the lock: %d", id, r.status)
			}
		}
	}
	a.pass(time.Minute)
	if r := a.login(t, "kim", password); r.status != 200 {
		t.Fatalf("the right password after the lock: %d %s", r.status, r.body)
	}
	for range 2 { // a success starts the count anew
		if r := a.login(t, "kim", "wrong wrong"); r.status != 401 {
			t.Errorf("after a success: %d", r.status)
		}
	}
	if r := a.login(t, "kim", password); r.status != 200 {
		t.Errorf("after two failures: %d", r.status)
	}
	if got := a.events.take(); strings.Count(got, "signin/KIM/fail")+strings.Count(got, "signin/kim/fail") != 3+5+2 {
		t.Errorf("refusals of a locked account are events: %s", got)
	}
}

func TestAddressIsLimitedButHealthIsNot(t *testing.T) {
	a := newAPI(t, func(c *auth.Config) { c.Limits.RequestsPerSecond, c.Limits.RequestBurst = 0.5, 3 })
	for range 3 {
		if r := a.get(t, "/auth/getuser/kim"); r.status != 404 {
			t.Fatalf("in the burst: %d", r.status)
		}
	}
	for range 2 {
		r := a.get(t, "/auth/getuser/kim")
		if r.status != 429 || r.code(t) != errs.RateLimited || r.header.Get("Retry-After") != "2" {
			t.Fatalf("over the burst: %d, Retry-After %s", r.status, r.header.Get("Retry-After"))
		}
		if r := a.get(t, "/auth/health"); r.status != 200 {
			t.Errorf("health: %d", r.status)
		}
	}
	a.pass(2 * time.Second)
	if r := a.get(t, "/auth/getuser/kim"); r.status != 404 {
		t.Errorf("after the wait: %d", r.status)
	}
}

func TestOutdatedHashIsUpgradedAtSignIn(t *testing.T) {
	a := newAPI(t)
	ctx := context.Background()
	old := auth.Hash(password, auth.Params{MemoryKiB: 32, Passes: 2, Lanes: 1})
	if err := a.store.Create(ctx, auth.User{ID: "kim", Hash: old, Email: "a@b.c", CreatedAt: a.clock()}); err != nil {
		t.Fatal(err)
	}
	stored := func() string {
		u, err := a.store.Get(ctx, "kim")
		if err != nil {
			t.Fatal(err)
		}
		return u.Hash
	}
	a.login(t, "kim", "wrong wrong")
	if stored() != old {
		t.Error("a wrong password changed the hash")
	}
	a.token(t, "kim")
	fresh := stored()
	if !strings.HasPrefix(fresh, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Errorf("hash is %s", fresh)
	}
	a.token(t, "kim")
	if stored() != fresh {
		t.Error("a current hash was replaced")
	}
}

func TestDamagedHashLetsNobodyIn(t *testing.T) {
	a := newAPI(t)
	for i, hash := range []string{"", "plain", "$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5a2V5"} {
		id := "kim" + strconv.Itoa(i)
		u := auth.User{ID: id, Hash: hash, Email: "a@b.c", CreatedAt: a.clock()}
		if err := a.store.Create(context.Background(), u); err != nil {
			t.Fatal(err)
		}
		for _, passwd := range []string{password, "plain"} {
			if r := a.login(t, id, passwd); r.status != 401 {
				t.Errorf("hash %q: %d", hash, r.status)
			}
		}
	}
}

func TestRefresh(t *testing.T) {
	a := newAPI(t)
	a.signUp(t, "Kim")
	old := a.token(t, "kim")
	a.pass(10 * time.Minute)
	r := a.refresh(t, old)
	fresh, _ := strings.CutPrefix(strings.TrimSuffix(r.body, `"}`), `{"token":"`)
	claims, err := a.ring.Verify(fresh, a.clock())
	if r.status != 200 || err != nil || claims.User != "Kim" || claims.IssuedAt != a.clock().Unix() || claims.ExpiresAt-claims.IssuedAt != 1800 {
		t.Fatalf("%d %s: %+v, %v", r.status, r.body, claims, err)
	}
	a.pass(20*time.Minute + token.Leeway + time.Second)
	if r := a.refresh(t, old); r.status != 401 || r.code(t) != errs.TokenExpired {
		t.Errorf("expired: %d %s", r.status, r.body)
	}
	if r := a.refresh(t, fresh); r.status != 200 {
		t.Errorf("the new one: %d %s", r.status, r.body)
	}
}

func TestRefreshRefusesForgedTokens(t *testing.T) {
	a := newAPI(t)
	a.signUp(t, "kim")
	good := a.token(t, "kim")
	part := strings.Split(good, ".")
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(m jwt.SigningMethod, key any, change jwt.MapClaims) string {
		c := jwt.MapClaims{"iss": "Auth", "user": "kim", "token": "access", "iat": a.clock().Unix(), "exp": a.clock().Unix() + 1800}
		for k, v := range change {
			c[k] = v
		}
		raw, err := jwt.NewWithClaims(m, c).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	other := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(decodePart(t, part[1]), "kim", "lee", 1)))
	for name, raw := range map[string]string{
		"tampered": part[0] + "." + other + "." + part[2], "cut": good[:len(good)-1], "not one": "kim", "empty": "",
		"alg none":   sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil),
		"RS256":      sign(jwt.SigningMethodRS256, rsaKey, nil),
		"HS512":      sign(jwt.SigningMethodHS512, a.key, nil),
		"other key":  sign(jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), nil),
		"wrong iss":  sign(jwt.SigningMethodHS256, a.key, jwt.MapClaims{"iss": "auth"}),
		"wrong kind": sign(jwt.SigningMethodHS256, a.key, jwt.MapClaims{"token": "refresh"}),
		"long life":  sign(jwt.SigningMethodHS256, a.key, jwt.MapClaims{"exp": a.clock().Unix() + 1801}),
		"user gone":  sign(jwt.SigningMethodHS256, a.key, jwt.MapClaims{"user": "lee"}),
		"odd user":   sign(jwt.SigningMethodHS256, a.key, jwt.MapClaims{"user": "l\x00e' --"}),
		"huge":       strings.Repeat("x", 10_000),
	} {
		r := a.refresh(t, raw)
		if r.status != 401 || r.code(t) != errs.BadToken || !strings.Contains(r.header.Get("WWW-Authenticate"), "invalid_token") {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	for _, head := range []string{"", good, "Basic " + good, "Bearer", "Bearer" + good} {
		r := a.request(t, "POST", "/auth/refresh", "")
		r.Header.Set("Authorization", head)
		if got := a.do(t, r); got.status != 401 || got.code(t) != errs.BadToken {
			t.Errorf("Authorization %.20q: %d %s", head, got.status, got.body)
		}
	}
	if r := a.refresh(t, sign(jwt.SigningMethodHS256, a.key, nil)); r.status != 200 {
		t.Errorf("a good one made the same way: %d %s", r.status, r.body)
	}
}

func decodePart(t *testing.T, part string) string {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestConfigurationThatMakesNoSenseIsNamed(t *testing.T) {
	for key, change := range map[string]func(*auth.Config){
		"password.min_length":            func(c *auth.Config) { c.Password.MinLength = 0 },
		"limits.connections must":        func(c *auth.Config) { c.Limits.Connections = 0 },
		"limits.connections_per_address": func(c *auth.Config) { c.Limits.PerAddress = 0 },
		"limits.requests_per_second":     func(c *auth.Config) { c.Limits.RequestsPerSecond = -1 },
		"limits.request_burst":           func(c *auth.Config) { c.Limits.RequestBurst = 0 },
		"limits.sign_ins_per_second":     func(c *auth.Config) { c.Limits.SignInsPerSecond = -1 },
		"limits.sign_in_burst":           func(c *auth.Config) { c.Limits.SignInBurst = 0 },
		"limits.failures_per_minute":     func(c *auth.Config) { c.Limits.FailuresPerMinute = -1 },
		"limits.failure_burst":           func(c *auth.Config) { c.Limits.FailureBurst = 0 },
		"limits.login_failures":          func(c *auth.Config) { c.Limits.LoginFailures = -1 },
		"limits.id_failures":             func(c *auth.Config) { c.Limits.IDFailures = -1 },
		"limits.lockout must":            func(c *auth.Config) { c.Limits.Lockout = 0 },
		"limits.lockout_max":             func(c *auth.Config) { c.Limits.LockoutMax = time.Second },
		"limits.tracked":                 func(c *auth.Config) { c.Limits.Tracked = 0 },
		"limits.hash_slots":              func(c *auth.Config) { c.Limits.HashSlots = -1 },
		"limits.hash_queue":              func(c *auth.Config) { c.Limits.HashQueue = -1 },
		"limits.hash_places":             func(c *auth.Config) { c.Limits.HashPlaces = 0 },
		"limits.hash_wait":               func(c *auth.Config) { c.Limits.HashWait = 0 },
	} {
		cfg := auth.Config{Password: auth.Password{MinLength: 8}, Limits: auth.DefaultLimits()}
		change(&cfg)
		if _, err := auth.New(auth.Deps{}, cfg); !errs.Is(err, errs.Usage) || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", key, err)
		}
	}
}
