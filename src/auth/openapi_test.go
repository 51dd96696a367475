//go:build !fuzz

package auth_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"chatlab/src/auth"
	"chatlab/src/errs"
	"chatlab/src/token"
)

// document is openapi.yaml and what of it was seen in answers.
type document struct {
	*openapi3.T
	router routers.Router
	seen   map[string]bool // "operation status code"
}

func loadDocument(t *testing.T) *document {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
	doc.Servers = nil // whatever the address
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return &document{doc, router, map[string]bool{}}
}

// exchange sends a request and holds the answer against the document; good
// says whether the document must find the request good as well.
func (d *document) exchange(t *testing.T, a *api, r *http.Request, status int, code errs.Code, good bool) {
	t.Helper()
	body := new(bytes.Buffer)
	if r.Body != nil {
		if _, err := io.Copy(body, r.Body); err != nil {
			t.Fatal(err)
		}
	}
	again := func() io.ReadCloser { return io.NopCloser(bytes.NewReader(body.Bytes())) }
	r.Body = again()
	got := a.do(t, r)
	r.Body = again()
	route, params, err := d.router.FindRoute(r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	op := route.Operation.OperationID
	if got.status != status || got.code(t) != code {
		t.Errorf("%s: %d %s, want %d %s", op, got.status, got.body, status, code)
	}
	ctx := context.Background()
	in := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true}}
	if err := openapi3filter.ValidateRequest(ctx, in); good != (err == nil) {
		t.Errorf("%s %d %s: the document says of the request: %v", op, status, code, err)
	}
	in.Request.Body = again()
	err = openapi3filter.ValidateResponse(ctx, &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: got.status, Header: got.header,
		Body: io.NopCloser(strings.NewReader(got.body)), Options: in.Options,
	})
	if err != nil {
		t.Errorf("%s %d %s: the document says of the answer: %v", op, status, code, err)
	}
	if route.Operation.Responses.Status(status) == nil {
		t.Errorf("%s: status %d is not in the document", op, status)
	}
	d.seen[op+" "+strconv.Itoa(got.status)+" "+string(code)] = true
}

func TestOpenAPIIsWhatTheServerDoes(t *testing.T) {
	d := loadDocument(t)
	a := newAPI(t, func(c *auth.Config) { c.Limits.LoginFailures = 2 })
	a.signUp(t, "kim")
	good := a.token(t, "kim")
	bearer := func(raw string) *http.Request {
		r := a.request(t, "POST", "/auth/refresh", "")
		r.Header.Set("Authorization", "Bearer "+raw)
		return r
	}
	post := func(path, body string) *http.Request { return a.request(t, "POST", path, body) }
	get := func(path string) *http.Request { return a.request(t, "GET", path, "") }
	text := func(path string) *http.Request {
		r := post(path, "{}")
		r.Header.Set("Content-Type", "text/plain")
		return r
	}
	login, signup := object("id", "kim", "passwd", password), object("id", "lee", "passwd", password, "email", "a@b.c")
	big := strings.Repeat(" ", auth.MaxBody+1)
	with := func(body, old, fresh string) string { return strings.Replace(body, old, fresh, 1) }

	for _, x := range []struct {
		r      *http.Request
		status int
		code   errs.Code
		good   bool
	}{
		{get("/auth/health"), 200, "", true},
		{a.request(t, "GET", "/auth/health", big), 413, errs.BodyTooLarge, true},
		{get("/auth/getuser/KIM"), 200, "", true},
		{get("/auth/getuser/lee"), 404, errs.NotFound, true},
		{get("/auth/getuser/_"), 400, errs.InvalidID, false},
		{a.request(t, "GET", "/auth/getuser/kim", big), 413, errs.BodyTooLarge, true},
		{post("/auth/signup", signup), 200, "", true},
		{post("/auth/signup", signup), 409, errs.IDTaken, true},
		{post("/auth/signup", "{"), 400, errs.Malformed, false},
		{post("/auth/signup", with(signup, "email", "mail")), 400, errs.UnknownField, false},
		{post("/auth/signup", with(signup, "lee", "_")), 400, errs.InvalidID, false},
		{post("/auth/signup", with(signup, password, "")), 400, errs.InvalidPassword, false},
		{post("/auth/signup", with(signup, "a@b.c", "")), 400, errs.InvalidEmail, false},
		{post("/auth/signup", signup+big), 413, errs.BodyTooLarge, true},
		{text("/auth/signup"), 415, errs.NotJSON, false},
		{post("/auth/login", login), 200, "", true},
		{post("/auth/login", with(login, password, "wrong")), 401, errs.WrongCredentials, true},
		{post("/auth/login", "{"), 400, errs.Malformed, false},
		{post("/auth/login", with(login, "passwd", "password")), 400, errs.UnknownField, false},
		{post("/auth/login", with(login, "kim", "_")), 400, errs.InvalidID, false},
		{post("/auth/login", with(login, password, "")), 400, errs.InvalidPassword, false},
		{post("/auth/login", login+big), 413, errs.BodyTooLarge, true},
		{text("/auth/login"), 415, errs.NotJSON, false},
		{bearer(good), 200, "", true},
		{bearer("x"), 401, errs.BadToken, true},
		{post("/auth/refresh", big), 413, errs.BodyTooLarge, true},
	} {
		d.exchange(t, a, x.r, x.status, x.code, x.good)
	}
	d.sessions(t, a)
	d.limited(t, a, bearer, login)
	a.pass(token.Lifetime + 2*token.Leeway)
	for _, r := range d.bearers(t, a, good) {
		d.exchange(t, a, r, 401, errs.TokenExpired, true)
	}
	fresh, _, err := a.ring.Issue("kim", a.clock())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.store.Close(); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*http.Request{post("/auth/login", login), post("/auth/signup", signup), bearer(fresh), get("/auth/getuser/kim"),
		a.with(t, "POST", "/auth/logout", fresh, ""), a.with(t, "POST", "/auth/passwd", fresh, object("passwd", password, "new", "battery staple")),
		a.with(t, "DELETE", "/auth/user", fresh, object("passwd", password)),
	} {
		d.exchange(t, a, r, 503, errs.Unavailable, true)
	}
	d.complete(t)
}

// bearers are the calls with a token.
func (d *document) bearers(t *testing.T, a *api, raw string) []*http.Request {
	return []*http.Request{
		a.with(t, "POST", "/auth/refresh", raw, ""), a.with(t, "POST", "/auth/logout", raw, ""),
		a.with(t, "POST", "/auth/passwd", raw, object("passwd", password, "new", "battery staple")),
		a.with(t, "DELETE", "/auth/user", raw, object("passwd", password)),
	}
}

// sessions sees the calls that end tokens, of a user of their own.
func (d *document) sessions(t *testing.T, a *api) {
	t.Helper()
	a.signUp(t, "pat")
	raw := a.token(t, "pat")
	passwd := func(body string) *http.Request { return a.with(t, "POST", "/auth/passwd", raw, body) }
	user := func(body string) *http.Request { return a.with(t, "DELETE", "/auth/user", raw, body) }
	both, one := object("passwd", password, "new", "battery staple"), object("passwd", password)
	big := strings.Repeat(" ", auth.MaxBody+1)
	text := func(r *http.Request) *http.Request { r.Header.Set("Content-Type", "text/plain"); return r }
	for _, x := range []struct {
		r      *http.Request
		status int
		code   errs.Code
		good   bool
	}{
		{passwd("{"), 400, errs.Malformed, false},
		{passwd(strings.Replace(both, "new", "fresh", 1)), 400, errs.UnknownField, false},
		{passwd(object("passwd", password, "new", password)), 400, errs.InvalidPassword, true},
		{passwd(object("passwd", "wrong wrong", "new", "battery staple")), 401, errs.WrongCredentials, true},
		{passwd(both + big), 413, errs.BodyTooLarge, true},
		{text(passwd(both)), 415, errs.NotJSON, false},
		{user("{"), 400, errs.Malformed, false},
		{user(both), 400, errs.UnknownField, false},
		{user(object("passwd", "")), 400, errs.InvalidPassword, false},
		{user(one + big), 413, errs.BodyTooLarge, true},
		{text(user(one)), 415, errs.NotJSON, false},
		{user(object("passwd", "wrong wrong")), 401, errs.WrongCredentials, true},
		{a.with(t, "POST", "/auth/logout", raw, big), 413, errs.BodyTooLarge, true},
	} {
		d.exchange(t, a, x.r, x.status, x.code, x.good)
	}
	for _, r := range d.bearers(t, a, "x") {
		d.exchange(t, a, r, 401, errs.BadToken, true)
	}
	a.signUp(t, "joe") // pat is locked by now
	raw = a.token(t, "joe")
	d.exchange(t, a, passwd(both), 200, "", true)
	for _, r := range d.bearers(t, a, raw) {
		d.exchange(t, a, r, 401, errs.TokenRevoked, true)
	}
	a.signUp(t, "ann")
	d.exchange(t, a, a.with(t, "POST", "/auth/logout", a.token(t, "ann"), ""), 200, "", true)
	d.exchange(t, a, a.with(t, "DELETE", "/auth/user", a.token(t, "ann"), one), 200, "", true)
}

// limited sees the 429 of each operation, on a server of its own.
func (d *document) limited(t *testing.T, like *api, bearer func(string) *http.Request, login string) {
	t.Helper()
	a := newAPI(t, func(c *auth.Config) {
		c.Limits.RequestsPerSecond, c.Limits.RequestBurst, c.Limits.SignInsPerSecond, c.Limits.SignInBurst = 0.001, 1, 0.001, 1
	})
	a.get(t, "/auth/getuser/kim") // the one of each kind that is free
	a.login(t, "kim", password)
	signup := strings.Replace(login, "}", `,"email":"a@b.c"}`, 1)
	for _, r := range []*http.Request{
		a.request(t, "POST", "/auth/login", login), a.request(t, "POST", "/auth/signup", signup),
		bearer("x"), a.request(t, "GET", "/auth/getuser/kim", ""), a.with(t, "POST", "/auth/logout", "x", ""),
		a.with(t, "POST", "/auth/passwd", "x", object("passwd", password, "new", "battery staple")),
		a.with(t, "DELETE", "/auth/user", "x", object("passwd", password)),
	} {
		r.URL.Host = strings.TrimPrefix(a.URL, "http://")
		d.exchange(t, a, r, 429, errs.RateLimited, true)
	}
}

// complete compares the answers that were seen with everything that the document promises.
func (d *document) complete(t *testing.T) {
	t.Helper()
	everything := enum(d.Components.Schemas["Problem"].Value.Properties["code"])
	elsewhere := []string{"method_not_allowed", "timeout", "internal"} // the default response; see the other tests
	for _, item := range d.Paths.Map() {
		for _, op := range item.Operations() {
			for status, res := range op.Responses.Map() {
				codes := []string{""}
				if problem := res.Value.Content.Get("application/problem+json"); problem != nil {
					codes = enum(problem.Schema.Value.AllOf[1].Value.Properties["code"])
				}
				for _, code := range codes {
					if code != "" && !slices.Contains(everything, code) {
						t.Errorf("%s %s: code %s is not one of Problem's", op.OperationID, status, code)
					}
					if status != "default" && !d.seen[op.OperationID+" "+status+" "+code] {
						t.Errorf("%s %s %s is in the document, but was not seen", op.OperationID, status, code)
					}
				}
			}
		}
	}
	for _, code := range everything {
		if !slices.ContainsFunc(keys(d.seen), func(s string) bool { return strings.HasSuffix(s, " "+code) }) && !slices.Contains(elsewhere, code) {
			t.Errorf("code %s is in the document, but was not seen", code)
		}
	}
}

func enum(s *openapi3.SchemaRef) []string {
	var all []string
	for _, v := range s.Value.Enum {
		all = append(all, v.(string))
	}
	return all
}

func keys(m map[string]bool) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	return all
}
