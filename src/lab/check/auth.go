package check

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"chatlab/src/errs"
)

// authChecks proves the API table of the specification, its refusals
// (design, section 4) and, by tokenChecks, the tokens.
func authChecks(j *Journey) []Check {
	checks := []Check{
		{Name: "auth.health", Text: "GET /auth/health says alive", Run: authHealth},
		{Name: "auth.signup", Text: "POST /auth/signup makes a user", Run: authSignup},
		{Name: "auth.signup.taken", Text: "an id is given once, in whatever case", Run: authTaken},
		{Name: "auth.login", Text: "POST /auth/login answers with a token and nothing else", Run: authLogin},
		{Name: "auth.login.wrong", Text: "an unknown id and a wrong password get the same answer", Run: authWrong},
		{Name: "auth.getuser", Text: "GET /auth/getuser/:id names the user and nothing else", Run: authGetuser},
		{Name: "auth.getuser.unknown", Text: "an unknown user is not found", Run: authUnknown},
		{Name: "auth.refresh", Text: "POST /auth/refresh gives a new token for a valid one", Run: authRefresh},
		{Name: "auth.refresh.missing", Text: "POST /auth/refresh without a token is refused", Run: authRefreshMissing},
	}
	for _, b := range badCalls() {
		checks = append(checks, Check{Name: "auth.bad." + b.name, Text: b.text, Run: b.run})
	}
	checks = append(checks, tokenChecks()...)
	return j.group(partAuth, "authd's log (`lab status` says where), src/auth/openapi.yaml", checks)
}

func authHealth(ctx context.Context, e *Env) error {
	r, err := e.auth(ctx, call{method: http.MethodGet, path: "/auth/health"})
	if err != nil {
		return err
	}
	e.answers(r, http.StatusOK, `{"message":"alive"}`)
	return nil
}

func authSignup(_ context.Context, e *Env) error {
	for i := range e.people {
		r, err := e.people[i].signup()
		if err != nil {
			return err
		}
		e.True(r.status/100 == 2, "status 2xx", "status %d", r.status)
		e.answers(r, r.status, `{"message":"signup successful"}`)
	}
	return nil
}

func authTaken(_ context.Context, e *Env) error {
	r, err := e.taken()
	if err != nil {
		return err
	}
	e.refuses(r, http.StatusConflict, errs.IDTaken)
	return nil
}

func authLogin(_ context.Context, e *Env) error {
	for i := range e.people {
		r, err := e.people[i].login()
		if err != nil {
			return err
		}
		e.answers(r, http.StatusOK, jsonText(map[string]string{"token": tokenIn(r)}))
		e.True(tokenIn(r) != "", "a token", "%s", r.body)
	}
	return nil
}

func authWrong(_ context.Context, e *Env) error {
	wrong, err := e.wrongPassword()
	if err != nil {
		return err
	}
	unknown, err := e.unknownID()
	if err != nil {
		return err
	}
	e.refuses(wrong, http.StatusUnauthorized, errs.WrongCredentials)
	e.refuses(unknown, http.StatusUnauthorized, errs.WrongCredentials)
	e.Same("body for an unknown id, as for a wrong password,", wrong.body, unknown.body)
	return nil
}

func authGetuser(ctx context.Context, e *Env) error {
	p, err := e.member(0)
	if err != nil {
		return err
	}
	for _, id := range []string{p.name, strings.ToUpper(p.name)} {
		r, err := e.auth(ctx, call{method: http.MethodGet, path: "/auth/getuser/" + id, node: 2})
		if err != nil {
			return err
		}
		e.answers(r, http.StatusOK, jsonText(map[string]string{"id": p.name}))
	}
	return nil
}

func authUnknown(ctx context.Context, e *Env) error {
	r, err := e.auth(ctx, call{method: http.MethodGet, path: "/auth/getuser/" + e.name("nobody")})
	if err != nil {
		return err
	}
	e.refuses(r, http.StatusNotFound, errs.NotFound)
	return nil
}

func authRefresh(ctx context.Context, e *Env) error {
	p, err := e.member(0)
	if err != nil {
		return err
	}
	r, err := e.refresh(ctx, p.token)
	if err != nil {
		return err
	}
	e.answers(r, http.StatusOK, jsonText(map[string]string{"token": tokenIn(r)}))
	old, err := readToken(p.token)
	if err != nil {
		return err
	}
	fresh, err := readToken(tokenIn(r))
	if err != nil {
		return err
	}
	e.Same("user", p.name, fresh.User)
	e.True(fresh.IssuedAt >= old.IssuedAt, fmt.Sprintf("iat of at least %d", old.IssuedAt), "iat %d", fresh.IssuedAt)
	e.Same("exp - iat", int64(lifetime), fresh.Expires-fresh.IssuedAt)
	return nil
}

func authRefreshMissing(ctx context.Context, e *Env) error {
	r, err := e.refresh(ctx, "")
	if err != nil {
		return err
	}
	e.refuses(r, http.StatusUnauthorized, errs.BadToken)
	return nil
}

func (j *Journey) refresh(ctx context.Context, bearer string) (reply, error) {
	return j.auth(ctx, call{method: http.MethodPost, path: "/auth/refresh", bearer: bearer})
}

// badCall is a request that must be refused before it costs a password hash.
type badCall struct {
	name, text string
	call       call
	status     int
	code       errs.Code
}

func (b badCall) run(ctx context.Context, e *Env) error {
	r, err := e.auth(ctx, b.call)
	if err != nil {
		return err
	}
	e.refuses(r, b.status, b.code)
	if b.status == http.StatusMethodNotAllowed {
		e.True(r.header.Get("Allow") != "", "a header Allow", "none")
	}
	alive, err := e.auth(ctx, call{method: http.MethodGet, path: "/auth/health"})
	if err != nil {
		return failf("authd alive after it", "%v", err)
	}
	e.Same("status of /auth/health after it", http.StatusOK, alive.status)
	return nil
}

func badCalls() []badCall {
	login := func(body string) call { return call{method: http.MethodPost, path: "/auth/login", body: body} }
	with := func(c call, ctype string) call { c.ctype = ctype; return c }
	const good = `{"id":"chkbad","passwd":"long enough"}`
	return []badCall{
		{"json", "a body that is not JSON is malformed", login(`{"id":"chkbad"`), 400, errs.Malformed},
		{"empty", "an empty body is malformed", with(login(""), typeJSON), 400, errs.Malformed},
		{"value", "a field of the wrong type is malformed", login(`{"id":1,"passwd":"long enough"}`), 400, errs.Malformed},
		{"trailing", "a second document in the body is malformed", login(good + good), 400, errs.Malformed},
		{"utf8", "a body that is not UTF-8 is malformed", login("{\"id\":\"chk\xff\",\"passwd\":\"long enough\"}"), 400, errs.Malformed},
		{"repeat", "a key given twice is malformed", login(`{"id":"chkbad","id":"chkbad","passwd":"long enough"}`), 400, errs.Malformed},
		{"field", "an unknown field is refused", login(`{"id":"chkbad","passwd":"long enough","admin":true}`), 400, errs.UnknownField},
		{"id", "a sign-up with a bad id is refused", signupCall(".chk/bad", "long enough", "chk@example.org"), 400, errs.InvalidID},
		{"password", "a sign-up with a short password is refused", signupCall("chkbad", "abc", "chk@example.org"), 400, errs.InvalidPassword},
		{"email", "a sign-up with a bad e-mail is refused", signupCall("chkbad", "long enough", "chk@@example"), 400, errs.InvalidEmail},
		{"size", "a body over 4 KiB is refused", login(`{"id":"` + strings.Repeat("x", 5<<10) + `"}`), 413, errs.BodyTooLarge},
		{"type", "a body that is not application/json is refused", with(login(good), "text/plain"), 415, errs.NotJSON},
		{"method", "a wrong method is refused with those allowed", call{method: http.MethodDelete, path: "/auth/login"}, 405, errs.MethodNotAllowed},
		{"path", "an unknown path is not found", call{method: http.MethodGet, path: "/auth/nothing"}, 404, errs.NotFound},
	}
}
