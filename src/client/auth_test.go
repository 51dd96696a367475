package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"chatlab/src/client"
	"chatlab/src/errs"
)

// authAt serves a handler and returns a client of the given URLs before it.
func authAt(t *testing.T, h http.HandlerFunc, before ...string) *client.Auth {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	a, err := client.NewAuth(append(before, srv.URL)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

// deadURL is an address where nothing listens.
func deadURL(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return "http://" + ln.Addr().String()
}

func refuse(status int, code, detail, retry string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		if retry != "" {
			w.Header().Set("Retry-After", retry)
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"title": "no", "status": status, "code": code, "detail": detail})
	}
}

func TestCallsAreThoseOfTheTable(t *testing.T) {
	ctx := context.Background()
	var seen string
	answers := map[string]string{
		"/auth/login": `{"token":"t1"}`, "/auth/refresh": `{"token":"t2"}`,
		"/auth/signup": `{"message":"signup successful"}`, "/auth/getuser/kim": `{"id":"Kim"}`, "/auth/health": `{"message":"alive"}`,
	}
	a := authAt(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen = fmt.Sprintf("%s %s %s%s%s", r.Method, r.URL.Path, r.Header.Get("Content-Type"), r.Header.Get("Authorization"), body)
		_, _ = io.WriteString(w, answers[r.URL.Path])
	})
	tests := []struct {
		name, want, answer string
		call               func() (string, error)
	}{
		{"login", `POST /auth/login application/json{"id":"kim","passwd":"pw"}`, "t1", func() (string, error) { return a.Login(ctx, "kim", "pw") }},
		{"refresh", `POST /auth/refresh Bearer t1`, "t2", func() (string, error) { return a.Refresh(ctx, "t1") }},
		{"signup", `POST /auth/signup application/json{"email":"k@x","id":"kim","passwd":"pw"}`, "", func() (string, error) { return "", a.SignUp(ctx, "kim", "pw", "k@x") }},
		{"getuser", `GET /auth/getuser/kim `, "Kim", func() (string, error) { return a.GetUser(ctx, "kim") }},
		{"health", `GET /auth/health `, "", func() (string, error) { return "", a.Health(ctx) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.call()
			if err != nil || got != tt.answer {
				t.Fatalf("got %q, %v; want %q", got, err, tt.answer)
			}
			if strings.TrimSpace(seen) != strings.TrimSpace(tt.want) {
				t.Errorf("the server saw %s\nwant            %s", seen, tt.want)
			}
		})
	}
}

func TestRefusalsKeepTheirCode(t *testing.T) {
	page := func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<h1>nginx</h1>", http.StatusBadGateway) }
	text := func(s string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) }
	}
	tests := map[string]struct {
		handler http.HandlerFunc
		code    errs.Code
		message string
		retry   time.Duration
	}{
		"problem":       {refuse(401, "wrong_credentials", "wrong id or password", ""), errs.WrongCredentials, "wrong id or password", 0},
		"retry":         {refuse(429, "rate_limited", "slow down", "7"), errs.RateLimited, "slow down", 7 * time.Second},
		"retry absurd":  {refuse(503, "unavailable", "away", "99999999"), errs.Unavailable, "away", time.Hour},
		"retry garbage": {refuse(503, "unavailable", "away", "-1 or so"), errs.Unavailable, "away", 0},
		"title only":    {refuse(400, "malformed", "", ""), errs.Malformed, "no", 0},
		"escapes":       {refuse(400, "malformed", "a\x1b[2Jb\nc", ""), errs.Malformed, "a\uFFFD[2Jb\uFFFDc", 0},
		"proxy page":    {page, errs.Unavailable, "the auth server answered 502 Bad Gateway", 0},
		"redirect":      {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusTemporaryRedirect) }, errs.Internal, "the auth server answered 307 Temporary Redirect", 0},
		"not JSON":      {text("hello"), errs.Internal, "the auth server's answer is not understood", 0},
		"no token":      {text("{}"), errs.Internal, "the auth server's answer has no token", 0},
		"endless":       {text(`{"token":"` + strings.Repeat("x", 1<<20)), errs.Internal, "the auth server's answer is not understood", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := authAt(t, tt.handler).Login(context.Background(), "kim", "pw")
			if errs.CodeOf(err) != tt.code || err == nil {
				t.Fatalf("code = %q (%v), want %q", errs.CodeOf(err), err, tt.code)
			}
			if e := err.(*errs.Error); e.Message != tt.message || e.RetryAfter != tt.retry {
				t.Errorf("message = %q, retry after %s; want %q, %s", e.Message, e.RetryAfter, tt.message, tt.retry)
			}
		})
	}
}

func TestNextAddressIsTried(t *testing.T) {
	away := httptest.NewServer(refuse(503, "unavailable", "database away", "1"))
	defer away.Close()
	calls := 0
	a := authAt(t, func(w http.ResponseWriter, _ *http.Request) { calls++; _, _ = io.WriteString(w, `{"token":"t"}`) }, deadURL(t), away.URL)
	for range 3 {
		if tok, err := a.Login(context.Background(), "kim", "pw"); err != nil || tok != "t" {
			t.Fatalf("%q, %v", tok, err)
		}
	}
	if err := a.SignUp(context.Background(), "kim", "pw", "k@x"); err != nil {
		t.Fatal(err)
	}
	if calls != 4 {
		t.Fatalf("%d calls arrived, want 4", calls)
	}
}

func TestAnswerIsTakenFromTheFirstThatHasOne(t *testing.T) {
	second := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the second address was asked") }))
	defer second.Close()
	first := httptest.NewServer(refuse(401, "wrong_credentials", "no", ""))
	defer first.Close()
	a, err := client.NewAuth(first.URL, second.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Login(context.Background(), "kim", "pw"); !errs.Is(err, errs.WrongCredentials) {
		t.Fatal(err)
	}
}

func TestLostSignUpIsNotRepeated(t *testing.T) {
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, _ := w.(http.Hijacker).Hijack()
		_ = conn.Close()
	}))
	defer cut.Close()
	calls := 0
	next := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls++ }))
	defer next.Close()
	a, err := client.NewAuth(cut.URL, next.URL)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.SignUp(context.Background(), "kim", "pw", "k@x"); !errs.Is(err, errs.Unavailable) || calls != 0 {
		t.Fatalf("%v after %d more calls", err, calls)
	}
}

func TestNoServerIsUnavailableAndSaysWhere(t *testing.T) {
	dead := deadURL(t)
	a, err := client.NewAuth(dead)
	if err != nil {
		t.Fatal(err)
	}
	err = a.Health(context.Background())
	if !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), dead) || errs.FixOf(err) == "" {
		t.Fatalf("%v (%s)", err, errs.FixOf(err))
	}
}

func TestCallEndsWithItsContext(t *testing.T) {
	release := make(chan struct{})
	a := authAt(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := a.Login(ctx, "kim", "pw"); !errs.Is(err, errs.Unavailable) {
		t.Fatal(err)
	}
}

func TestBadBaseURLsAreRefused(t *testing.T) {
	for _, base := range []string{"", "authd", "host:8081", "ftp://x", "http://", "http://u:p@x", "http://x/?q", "http://[::1"} {
		if _, err := client.NewAuth(base); !errs.Is(err, errs.Usage) {
			t.Errorf("%q: %v", base, err)
		}
	}
	if _, err := client.NewAuth(); !errs.Is(err, errs.Usage) {
		t.Error(err)
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"dk": "dk", "안녕 👩‍👩‍👧": "안녕 👩‍👩‍👧", "a\tb": "a b", "\x1b[2J": "\uFFFD[2J", "a\r\nb": "a\uFFFD\uFFFDb",
		"\u0085\u202Ex": "\uFFFD\uFFFDx", "\xff\x00": "\uFFFD\uFFFD", "a\uFFFDb": "a\uFFFDb",
	} {
		if got := client.Printable(in); got != want {
			t.Errorf("Printable(%q) = %q, want %q", in, got, want)
		}
	}
}
