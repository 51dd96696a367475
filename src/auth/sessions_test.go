//go:build !fuzz

package auth_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"chatlab/src/auth"
	"chatlab/src/errs"
	"chatlab/src/token"
)

func wants(t *testing.T, what string, r answer, status int, code errs.Code) {
	t.Helper()
	if r.status != status || r.code(t) != code {
		t.Errorf("%s: %d %s, want %d %s", what, r.status, r.body, status, code)
	}
}

func tokenIn(t *testing.T, r answer) string {
	t.Helper()
	var got struct{ Token string }
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || r.status != 200 {
		t.Fatalf("no token: %d %s", r.status, r.body)
	}
	return got.Token
}

func TestLogoutEndsAllTokensAndASignInRightAfterWorks(t *testing.T) {
	a := newAPI(t)
	a.signUp(t, "Kim")
	a.signUp(t, "lee")
	for round := range 3 { // within one second
		first, second, others := a.token(t, "kim"), a.token(t, "KIM"), a.token(t, "lee")
		r := a.logout(t, first)
		if r.status != 200 || r.body != `{"message":"logout successful"}` {
			t.Fatalf("round %d: %d %s", round, r.status, r.body)
		}
		wants(t, "refresh of the token", a.refresh(t, first), 401, errs.TokenRevoked)
		wants(t, "refresh of another", a.refresh(t, second), 401, errs.TokenRevoked)
		wants(t, "logout with an ended token", a.logout(t, first), 401, errs.TokenRevoked)
		wants(t, "refresh of another user's", a.refresh(t, others), 200, "")
	}
	fresh := a.token(t, "kim")
	wants(t, "refresh of a token of right after", a.refresh(t, fresh), 200, "")
	if got := a.log.String(); !strings.Contains(got, "tokens ended") || !strings.Contains(got, "addr=127.0.0.1:") {
		t.Errorf("no revocation with its address in the log:\n%s", got)
	}
	if got := a.events.take(); strings.Contains(got, "logout") {
		t.Errorf("events: %s", got)
	}
}

func TestANewPasswordEndsTheOtherTokens(t *testing.T) {
	a := newAPI(t)
	a.signUp(t, "kim")
	old, other := a.token(t, "kim"), a.token(t, "kim")
	a.events.take()
	const fresh = "battery staple"
	wants(t, "the same password", a.passwd(t, old, password, password), 400, errs.InvalidPassword)
	wants(t, "a short one", a.passwd(t, old, password, "short"), 400, errs.InvalidPassword)
	wants(t, "a common one", a.passwd(t, old, password, "password1"), 400, errs.InvalidPassword)
	wants(t, "the id", a.passwd(t, old, password, "kim"), 400, errs.InvalidPassword)
	wants(t, "a wrong one", a.passwd(t, old, "wrong wrong", fresh), 401, errs.WrongCredentials)
	wants(t, "no token", a.passwd(t, "", password, fresh), 401, errs.BadToken)
	wants(t, "nothing was changed", a.refresh(t, other), 200, "")
	now := tokenIn(t, a.passwd(t, old, password, fresh))
	wants(t, "the new token", a.refresh(t, now), 200, "")
	wants(t, "the old token", a.refresh(t, old), 401, errs.TokenRevoked)
	wants(t, "another token", a.refresh(t, other), 401, errs.TokenRevoked)
	wants(t, "the old password", a.login(t, "kim", password), 401, errs.WrongCredentials)
	wants(t, "the new password", a.login(t, "kim", fresh), 200, "")
	if got := a.events.take(); got != "signin/kim/fail signin/kim/success" {
		t.Errorf("events: %s", got)
	}
}

func TestGuessesByANewPasswordLockTheID(t *testing.T) {
	a := newAPI(t, func(c *auth.Config) { c.Limits.LoginFailures = 3 })
	a.signUp(t, "kim")
	raw := a.token(t, "kim")
	for range 2 {
		wants(t, "a guess", a.passwd(t, raw, "wrong wrong", "battery staple"), 401, errs.WrongCredentials)
	}
	wants(t, "a guess", a.unregister(t, raw, "wrong wrong"), 401, errs.WrongCredentials)
	wants(t, "the right one", a.unregister(t, raw, password), 429, errs.RateLimited)
	if got := a.log.String(); !strings.Contains(got, "id locked") || !strings.Contains(got, "code=wrong_credentials") {
		t.Errorf("no lock or refusal in the log:\n%s", got)
	}
}

func TestADeletedUserIsGone(t *testing.T) {
	a := newAPI(t)
	a.signUp(t, "Kim")
	raw := a.token(t, "kim")
	wants(t, "a wrong password", a.unregister(t, raw, "wrong wrong"), 401, errs.WrongCredentials)
	if r := a.unregister(t, raw, password); r.status != 200 || r.body != `{"message":"user deleted"}` {
		t.Fatalf("%d %s", r.status, r.body)
	}
	wants(t, "deleted twice", a.unregister(t, raw, password), 401, errs.BadToken)
	wants(t, "refresh", a.refresh(t, raw), 401, errs.BadToken)
	wants(t, "sign-in", a.login(t, "kim", password), 401, errs.WrongCredentials)
	wants(t, "getuser", a.get(t, "/auth/getuser/kim"), 404, errs.NotFound)
	a.signUp(t, "kim") // somebody else
	for what, r := range map[string]answer{
		"refresh": a.refresh(t, raw), "logout": a.logout(t, raw), "delete": a.unregister(t, raw, password),
	} {
		wants(t, what+" by the owner of before", r, 401, errs.TokenRevoked)
	}
	wants(t, "the new owner", a.refresh(t, a.token(t, "kim")), 200, "")
}

func TestPrivateListenerTellsWhoseTokensEnded(t *testing.T) {
	a := newAPI(t)
	a.signUp(t, "Kim")
	a.logout(t, a.token(t, "kim"))
	w := httptest.NewRecorder()
	a.svc.Private().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/ended", nil))
	var got auth.EndedAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 || len(got.Ended) != 1 || got.Ended["kim"] == 0 {
		t.Errorf("%d %s: %v", w.Code, w.Body, err)
	}
	a.pass(token.Lifetime + 4*token.Leeway) // all ended tokens have expired
	w = httptest.NewRecorder()
	a.svc.Private().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/ended", nil))
	if w.Body.String() != `{"ended":{}}` {
		t.Errorf("later: %s", w.Body)
	}
	for _, path := range []string{"/auth/login", "/auth/health", "/"} { // nothing else is served there
		w = httptest.NewRecorder()
		a.svc.Private().ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, nil))
		if w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}
