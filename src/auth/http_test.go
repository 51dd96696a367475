//go:build !fuzz

package auth_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/auth"
	"chatlab/src/errs"
)

func TestBodiesAreWordForWordTheSpecifications(t *testing.T) {
	a := newAPI(t)
	for _, step := range []struct{ what, got, want string }{
		{"health", a.get(t, "/auth/health").body, `{"message":"alive"}`},
		{"signup", a.post(t, "/auth/signup", `{"id":"Kim","passwd":"correct horse","email":"k@example.org"}`).body,
			`{"message":"signup successful"}`},
		{"getuser", a.get(t, "/auth/getuser/kIM").body, `{"id":"Kim"}`},
	} {
		if step.got != step.want {
			t.Errorf("%s = %s, want %s", step.what, step.got, step.want)
		}
	}
	raw := a.token(t, "kim")
	claims, err := a.ring.Verify(raw, a.clock())
	if err != nil || claims.User != "Kim" {
		t.Errorf("token of %q: %v", claims.User, err)
	}
	r := a.login(t, "kim", password)
	if want := `{"token":"` + raw + `"}`; r.body != want {
		t.Errorf("login = %s, want %s", r.body, want)
	}
	if kind, cache := r.header.Get("Content-Type"), r.header.Get("Cache-Control"); kind != "application/json" || cache != "no-store" {
		t.Errorf("Content-Type %q, Cache-Control %q", kind, cache)
	}
	if got := a.events.take(); got != "signup/Kim/success signin/Kim/success signin/Kim/success" {
		t.Errorf("events: %s", got)
	}
}

// badFields are values that stand for a field's whole JSON value.
var badFields = []struct {
	name, value string
	code        errs.Code // "" for invalid_FIELD
}{
	{"empty", `""`, ""},
	{"too long", `"` + strings.Repeat("k", 300) + `"`, ""},
	{"NUL escape", `"kim\u0000lee"`, ""},
	{"raw NUL", "\"kim\x00lee\"", errs.Malformed},
	{"raw line feed", "\"kim\nlee\"", errs.Malformed},
	{"invalid UTF-8", "\"kim\xfflee12\"", errs.Malformed},
	{"overlong UTF-8", "\"kim\xc0\xaflee1\"", errs.Malformed},
	{"half a surrogate", `"kim\ud800lee12"`, errs.Malformed},
	{"surrogates in disorder", `"kim\udc00\ud800lee1"`, errs.Malformed},
	{"bad escape", `"kim\xlee12"`, errs.Malformed},
	{"null", `null`, errs.Malformed},
	{"number", `12345678`, errs.Malformed},
	{"boolean", `true`, errs.Malformed},
	{"array", `["kim"]`, errs.Malformed},
	{"object", `{"kim":"lee"}`, errs.Malformed},
	{"nothing", ``, errs.Malformed},
	{"half a string", `"kim`, errs.Malformed},
}

var invalid = map[string]errs.Code{
	"id": errs.InvalidID, "passwd": errs.InvalidPassword, "email": errs.InvalidEmail, "new": errs.InvalidPassword,
}

// calls are the calls with a body, and their fields.
var calls = map[string][]string{
	"/auth/login": {"id", "passwd"}, "/auth/signup": {"id", "passwd", "email"},
	"/auth/passwd": {"passwd", "new"}, "/auth/user": {"passwd"},
}

// send makes a call of those as kim.
func (a *api) send(t *testing.T, path, body string) answer {
	t.Helper()
	method := http.MethodPost
	if path == "/auth/user" {
		method = http.MethodDelete
	}
	raw, _, err := a.ring.Issue("kim", a.clock())
	if err != nil {
		t.Fatal(err)
	}
	r := a.with(t, method, path, raw, body)
	r.Header.Set("Content-Type", "application/json")
	return a.do(t, r)
}

// compose makes a body in which one field has a JSON value of its own.
func compose(fields []string, bad, value string) string {
	good := map[string]string{"id": `"lee"`, "passwd": `"correct horse"`, "email": `"lee@example.org"`, "new": `"battery staple"`}
	var members []string
	for _, f := range fields {
		v := good[f]
		if f == bad {
			v = value
		}
		members = append(members, `"`+f+`":`+v)
	}
	return "{" + strings.Join(members, ",") + "}"
}

func TestEveryFieldOfEveryCallRefusesBadValues(t *testing.T) {
	a := newAPI(t)
	a.signUp(t, "kim")
	for path, fields := range calls {
		for _, field := range fields {
			for _, bad := range badFields {
				t.Run(fmt.Sprint(path, " ", field, " ", bad.name), func(t *testing.T) {
					want := bad.code
					if want == "" {
						want = invalid[field]
					}
					r := a.send(t, path, compose(fields, field, bad.value))
					if got := r.code(t); got != want || r.status != http.StatusBadRequest {
						t.Errorf("%d %s, want %s: %s", r.status, got, want, r.body)
					}
				})
			}
			t.Run(fmt.Sprint(path, " without ", field), func(t *testing.T) {
				rest := strings.Replace(compose(fields, "", ""), `"`+field+`"`, `"other"`, 1)
				if got := a.send(t, path, rest).code(t); got != errs.UnknownField {
					t.Errorf("renamed: %s", got)
				}
				var others []string
				for _, f := range fields {
					if f != field {
						others = append(others, f)
					}
				}
				if got := a.send(t, path, compose(others, "", "")).code(t); got != invalid[field] {
					t.Errorf("missing: %s", got)
				}
			})
			t.Run(fmt.Sprint(path, " ", field, " twice"), func(t *testing.T) {
				body := strings.Replace(compose(fields, "", ""), "{", `{"`+field+`":"lee",`, 1)
				if got := a.send(t, path, body).code(t); got != errs.Malformed {
					t.Errorf("twice: %s", got)
				}
			})
		}
	}
	a.events.take()
	a.token(t, "kim") // and the next user is served
}

func TestBodiesThatAreNoObjectAreMalformed(t *testing.T) {
	a := newAPI(t)
	a.signUp(t, "kim")
	for name, body := range map[string]string{
		"empty": "", "spaces": " \n\t ", "null": "null", "array": "[]", "string": `"kim"`, "number": "1", "word": "kim",
		"open": "{", "comma": `{"passwd":"lee",}`, "trailing object": compose(calls["/auth/user"], "", "") + "{}",
		"trailing word": compose(calls["/auth/user"], "", "") + "x", "two keys": `{"passwd" "lee"}`, "key a number": `{1:"lee"}`,
		"BOM": "\ufeff{}", "comment": "{/**/}", "form": "id=kim&passwd=x", "deep": strings.Repeat("[", 4000),
	} {
		for path := range calls {
			if r := a.send(t, path, body); r.code(t) != errs.Malformed || r.status != 400 {
				t.Errorf("%s %s: %d %s", path, name, r.status, r.body)
			}
		}
	}
	for path := range calls {
		if r := a.send(t, path, `{"ID":"lee"}`); r.code(t) != errs.UnknownField {
			t.Errorf("a name in another case: %s", r.body)
		}
		first := calls[path][0]
		if r := a.send(t, path, " \r\n"+compose(calls[path], first, `""`)+"\n "); r.code(t) != invalid[first] {
			t.Errorf("space around the object: %s", r.body)
		}
	}
	if got := a.events.take(); got != "" {
		t.Errorf("events of malformed calls: %s", got)
	}
}

func TestIDRules(t *testing.T) {
	a := newAPI(t)
	for _, id := range []string{"a", "7", "A-b_c.9", strings.Repeat("x", 32)} {
		a.signUp(t, id)
	}
	for _, id := range []string{"", ".", "..", "_a", "-a", ".a", "a b", "a/b", "a%b", "k\u00edm", "\u212aim", "a\n", "a@b", strings.Repeat("x", 33)} {
		if r := a.post(t, "/auth/signup", object("id", id, "passwd", password, "email", "a@b.c")); r.code(t) != errs.InvalidID {
			t.Errorf("sign-up of %q: %s", id, r.body)
		}
		if r := a.login(t, id, password); r.code(t) != errs.InvalidID {
			t.Errorf("sign-in of %q: %s", id, r.body)
		}
	}
	for _, id := range []string{"error", "System", "SERVER", "connected."} {
		if r := a.post(t, "/auth/signup", object("id", id, "passwd", password, "email", "a@b.c")); r.code(t) != errs.InvalidID {
			t.Errorf("sign-up of %q: %s", id, r.body)
		}
		if r := a.login(t, id, password); r.code(t) != errs.WrongCredentials { // whoever has it already keeps it
			t.Errorf("sign-in of %q: %s", id, r.body)
		}
	}
	if got := a.events.take(); strings.Contains(got, "signup") || strings.Count(got, "signin") != 4 {
		t.Errorf("a bad id is in the event log: %s", got)
	}
}

func TestCommonPasswordsAreRefusedUnlessSwitchedOff(t *testing.T) {
	strict, lab := newAPI(t), newAPI(t, func(c *auth.Config) { c.Password.RefuseCommon = false })
	for i, passwd := range []string{"password1", "12345678", "PASSWORD1", "iloveyou", "football", fmt.Sprint("kim-12345", 5)} {
		body := object("id", fmt.Sprint("kim-12345", i), "passwd", passwd, "email", "a@b.c")
		if r := strict.post(t, "/auth/signup", body); r.code(t) != errs.InvalidPassword {
			t.Errorf("%q: %s", passwd, r.body)
		}
		if r := lab.post(t, "/auth/signup", body); r.status != 200 {
			t.Errorf("%q where the list is off: %s", passwd, r.body)
		}
	}
}

func TestPasswordsAreCountedInCharactersAndNeverCut(t *testing.T) {
	a := newAPI(t)
	long := strings.Repeat("\U0001f511", auth.MaxPassword)
	for id, passwd := range map[string]string{"least": "1234567\u00e9", "most": long, "space": "   \t    "} {
		if r := a.post(t, "/auth/signup", object("id", id, "passwd", passwd, "email", "a@b.c")); r.status != 200 {
			t.Fatalf("%s: %s", id, r.body)
		}
		if r := a.login(t, id, passwd); r.status != 200 {
			t.Errorf("%s: %s", id, r.body)
		}
	}
	cut := strings.Repeat("\U0001f511", auth.MaxPassword-1)
	if r := a.login(t, "most", cut); r.code(t) != errs.WrongCredentials {
		t.Errorf("a cut password: %s", r.body)
	}
	for _, passwd := range []string{"1234567", "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9", long + "x"} {
		if r := a.post(t, "/auth/signup", object("id", "lee", "passwd", passwd, "email", "a@b.c")); r.code(t) != errs.InvalidPassword {
			t.Errorf("%.20q: %s", passwd, r.body)
		}
	}
	if r := a.login(t, "lee", "short"); r.code(t) != errs.WrongCredentials {
		t.Errorf("a short password at sign-in: %s", r.body)
	}
	if r := a.login(t, "lee", long+"x"); r.code(t) != errs.InvalidPassword {
		t.Errorf("a long password at sign-in: %s", r.body)
	}
}

func TestEmailRules(t *testing.T) {
	a := newAPI(t)
	for i, email := range []string{"a@b", "a.b+c@example.org", `"a b"@example.org`, "\u00e9@example.org", strings.Repeat("a", 242) + "@example.org"} {
		if r := a.post(t, "/auth/signup", object("id", fmt.Sprint("kim", i), "passwd", password, "email", email)); r.status != 200 {
			t.Errorf("%.30q: %s", email, r.body)
		}
	}
	for _, email := range []string{"a", "@b", "a@", "a@b@c", "<a@b>", "Kim <a@b>", "a@b, c@d", " a@b", "a@b ", "a@b\r\nBcc: c@d", "a\u009b@b.c", "a\u202eb@c.d", "\"a\u00a0b\"@c.d",
		strings.Repeat("a", 243) + "@example.org", strings.Repeat("\u00e9", 125) + "@b.org"} {
		if r := a.post(t, "/auth/signup", object("id", "lee", "passwd", password, "email", email)); r.code(t) != errs.InvalidEmail {
			t.Errorf("%.30q: %s", email, r.body)
		}
	}
}

func TestBodySizeAndType(t *testing.T) {
	a := newAPI(t)
	a.signUp(t, "kim")
	body := object("id", "kim", "passwd", password)
	full := body + strings.Repeat(" ", auth.MaxBody-len(body))
	if r := a.post(t, "/auth/login", full); r.status != 200 {
		t.Errorf("a body of 4096 bytes: %s", r.body)
	}
	for what, big := range map[string]string{"one byte more": full + " ", "1 MiB": strings.Repeat("x", 1<<20)} {
		for _, path := range []string{"/auth/login", "/auth/signup", "/auth/refresh", "/auth/logout", "/auth/passwd"} {
			if r := a.post(t, path, big); r.code(t) != errs.BodyTooLarge || r.status != 413 {
				t.Errorf("%s %s: %d %s", path, what, r.status, r.body)
			}
		}
		for _, path := range []string{"/auth/health", "/auth/getuser/kim"} {
			if r := a.do(t, a.request(t, http.MethodGet, path, big)); r.code(t) != errs.BodyTooLarge {
				t.Errorf("%s %s: %d %s", path, what, r.status, r.body)
			}
		}
	}
	for kind, want := range map[string]int{
		"application/json": 200, "Application/JSON; Charset=UTF-8": 200, "": 415, "text/plain": 415, "application/json; charset=latin1": 415,
		"application/x-www-form-urlencoded": 415, "application/jsonp": 415, "application/json;;": 415, "multipart/form-data": 415,
	} {
		r := a.request(t, http.MethodPost, "/auth/login", body)
		r.Header.Set("Content-Type", kind)
		if got := a.do(t, r); got.status != want || want == 415 && got.code(t) != errs.NotJSON {
			t.Errorf("Content-Type %q: %d %s", kind, got.status, got.body)
		}
	}
	r := a.request(t, http.MethodPost, "/auth/login", body)
	r.Header.Set("Content-Encoding", "gzip")
	if got := a.do(t, r); got.code(t) != errs.NotJSON {
		t.Errorf("compressed: %d", got.status)
	}
}

func TestWrongMethodAndPath(t *testing.T) {
	a := newAPI(t)
	a.signUp(t, "kim")
	allow := map[string]string{
		"/auth/login": "POST", "/auth/signup": "POST", "/auth/refresh": "POST", "/auth/logout": "POST", "/auth/passwd": "POST", "/auth/user": "DELETE",
		"/auth/health": "GET, HEAD", "/auth/getuser/kim": "GET, HEAD",
	}
	for path, want := range allow {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} {
			r := a.do(t, a.request(t, method, path, ""))
			if strings.Contains(want, method) {
				if r.status == 405 {
					t.Errorf("%s %s: %d", method, path, r.status)
				}
				continue
			}
			if r.status != 405 || r.header.Get("Allow") != want || method != "HEAD" && r.code(t) != errs.MethodNotAllowed {
				t.Errorf("%s %s: %d, Allow %q", method, path, r.status, r.header.Get("Allow"))
			}
		}
	}
	for _, path := range []string{"/", "/auth", "/auth/", "/auth/login/", "/auth/Login", "//auth/login", "/auth/../auth/login",
		"/auth/getuser", "/auth/getuser/", "/auth/getuser/nobody", "/metrics", "/auth/nothing%00", "/" + strings.Repeat("x", 4000)} {
		if r := a.get(t, path); r.status != 404 || r.code(t) != errs.NotFound {
			t.Errorf("%.40s: %d %s", path, r.status, r.body)
		}
	}
	for _, id := range []string{"k%C3%ADm", "kim%00", "a%2Fb", "kim/lee", "%20kim", "%FF", strings.Repeat("k", 33), ".hidden"} {
		if r := a.get(t, "/auth/getuser/"+id); r.status != 400 || r.code(t) != errs.InvalidID {
			t.Errorf("getuser %.40s: %d %s", id, r.status, r.body)
		}
	}
}

// brokenStore fails in a way that no code names.
type brokenStore struct{ auth.Store }

func (brokenStore) Get(context.Context, string) (auth.User, error) {
	return auth.User{}, errors.New("secret detail")
}

func TestFaultsOfOursSayNothing(t *testing.T) {
	a := newAPI(t)
	svc, err := auth.New(auth.Deps{
		Store: brokenStore{a.store}, Ring: a.ring, Events: a.events, Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
	}, auth.Config{Password: auth.Password{MinLength: 8}, Limits: auth.DefaultLimits(), Params: cheap})
	if err != nil {
		t.Fatal(err)
	}
	a.Config.Handler = svc.Handler()
	if r := a.login(t, "kim", password); r.status != 500 || r.code(t) != errs.Internal || strings.Contains(r.body, "secret") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if got := a.events.take(); got != "" {
		t.Errorf("events: %s", got)
	}
}
