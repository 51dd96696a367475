package drill

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"chatlab/src/client"
	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/mongodb"
)

func TestEachUserWhoSignedUpMustSignIn(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		refuse := func(status int, code string) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, `{"code":%q}`, code)
		}
		for _, user := range []string{"kim", "lee", "ann", "bob"} {
			if strings.Contains(string(body), user) {
				asked[user]++
				switch {
				case user == "lee":
					refuse(http.StatusUnauthorized, "wrong_credentials")
					return
				case user == "ann" && asked[user] == 1:
					refuse(http.StatusTooManyRequests, "rate_limited")
					return
				}
			}
		}
		_, _ = io.WriteString(w, `{"token":"t"}`)
	}))
	t.Cleanup(server.Close)
	auth, err := client.NewAuth(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(auth.Close)
	r := &run{id: "d1", ledger: newLedger()}
	for _, user := range []string{"kim", "lee", "ann"} {
		r.ledger.signed(signUp, user, 1, nil)
	}
	r.ledger.signed(signUp, "bob", 1, errs.E(errs.Unavailable, "away"))
	got := r.signInAgain(t.Context(), auth)
	if got.SignedUp != 3 || got.Lost != 1 || !strings.HasPrefix(got.First, "lee: ") {
		t.Errorf("%+v", got)
	}
	if asked["ann"] != 2 || asked["bob"] != 0 {
		t.Errorf("asked %v: whoever is refused for the rate asks again, whoever has no account does not", asked)
	}
}

func TestEveryFieldOfAnEventIsCompared(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*mongodb.Record)
		words  []string
	}{
		"as it was said":   {func(*mongodb.Record) {}, nil},
		"another date":     {func(r *mongodb.Record) { r.Exact = false }, []string{lost, altered}},
		"another server":   {func(r *mongodb.Record) { r.Server = "chap" }, []string{lost, unsent}},
		"another category": {func(r *mongodb.Record) { r.Category = "chap" }, []string{lost, unsent}},
		"another user":     {func(r *mongodb.Record) { r.Subject = "lee" }, []string{altered}},
		"another text":     {func(r *mongodb.Record) { r.Data += "!" }, []string{altered}},
		"another label":    {func(r *mongodb.Record) { r.Data = "d1-u0.7 says so" }, []string{lost, unsent}},
	} {
		l := newLedger()
		l.speaker("d1-u0", "kim", "one")
		n, text := l.says("d1-u0", " says so")
		l.receipt("d1-u0", n, said(7, text), nil)
		rec := mongodb.Record{Event: event.Event{Server: "chat", Category: "chat", Subject: "kim", Data: text}, Exact: true}
		tt.change(&rec)
		p := l.openEvents()
		p.event(rec)
		p.closeEvents()
		if got := p.words(); !slices.Equal(got, tt.words) {
			t.Errorf("%s: %v, want %v", name, got, tt.words)
		}
	}
}

func TestUsersSignUpAsFastAsTheServerLetsThem(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked == 1 {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"code":"rate_limited"}`)
		}
	}))
	defer server.Close()
	auth, err := client.NewAuth(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	r := &run{ledger: newLedger()}
	if err := r.enrolInTime(t.Context(), auth, "kim"); err != nil || asked != 2 {
		t.Errorf("%v after %d requests, want a sign-up with the second", err, asked)
	}
}
