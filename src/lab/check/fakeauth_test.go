package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// authHandler is an auth server after src/auth/openapi.yaml, as short as can be.
func (f *fake) authHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		methods := map[string]string{"/auth/login": "POST", "/auth/signup": "POST", "/auth/refresh": "POST", "/auth/logout": "POST", "/auth/health": "GET"}
		path, isUser := strings.CutPrefix(r.URL.Path, "/auth/getuser/")
		method := methods[r.URL.Path]
		if isUser {
			method = "GET"
		}
		switch {
		case f.has("busy once") && f.asked.Add(1) == 3:
			w.Header().Set("Retry-After", "0")
			f.problem(w, 429, "rate_limited")
		case f.has("busy") && r.URL.Path == "/auth/signup":
			w.Header().Set("Retry-After", "900")
			f.problem(w, 429, "rate_limited")
		case method == "":
			f.problem(w, 404, "not_found")
		case method != r.Method:
			if !f.has("no Allow") {
				w.Header().Set("Allow", method)
			}
			f.problem(w, 405, "method_not_allowed")
		case isUser:
			f.getUser(w, path)
		case r.URL.Path == "/auth/health":
			f.answer(w, map[string]string{"message": "alive"})
		case r.URL.Path == "/auth/refresh":
			f.refreshToken(w, r)
		case r.URL.Path == "/auth/logout":
			f.logout(w, r)
		default:
			f.withFields(w, r)
		}
	})
}

func (f *fake) answer(w http.ResponseWriter, doc map[string]string) {
	kind := "application/json"
	if f.has("text/html") {
		kind = "text/html"
	}
	if f.has("extra field") {
		doc["extra"] = "x"
	}
	w.Header().Set("Content-Type", kind)
	fmt.Fprintln(w, jsonText(doc))
}

func (f *fake) problem(w http.ResponseWriter, status int, code string) {
	kind, title := "application/problem+json", http.StatusText(status)
	if f.has("plain errors") {
		kind = "application/json"
	}
	if f.has("wrong codes") {
		code = "oops"
	}
	if f.has("no title") {
		title = ""
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	fmt.Fprintln(w, jsonText(map[string]any{"title": title, "status": status, "code": code}))
}

func (f *fake) getUser(w http.ResponseWriter, id string) {
	f.mu.Lock()
	stored, known := f.users[strings.ToLower(id)]
	f.mu.Unlock()
	if !known {
		f.problem(w, 404, "not_found")
		return
	}
	if f.has("id as asked") {
		stored = id
	}
	f.answer(w, map[string]string{"id": stored})
}

func (f *fake) refreshToken(w http.ResponseWriter, r *http.Request) {
	raw, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	user, code := f.verify(raw)
	if code != "" {
		f.problem(w, 401, code)
		return
	}
	f.answer(w, map[string]string{"token": f.issue(user)})
}

// logout ends the user's sessions at once.
func (f *fake) logout(w http.ResponseWriter, r *http.Request) {
	raw, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	user, code := f.verify(raw)
	if code != "" {
		f.problem(w, 401, code)
		return
	}
	if !f.has("stays after logout") {
		f.chat.end(user)
	}
	f.answer(w, map[string]string{"message": "bye"})
}

// verify returns a token's user, or the code of its refusal.
func (f *fake) verify(raw string) (user, code string) {
	if c, err := readToken(raw); err == nil && (f.has("any token") || f.has("alg none") && strings.Contains(c.header, "none")) {
		return c.User, ""
	}
	c, err := f.ring.Verify(raw, time.Now())
	if err == nil {
		return c.User, ""
	}
	if code := codeOf(err); f.has("expired is bad") || code == "" {
		return "", "bad_token"
	} else {
		return "", code
	}
}

// issue makes a token, with the faults of one.
func (f *fake) issue(user string) string {
	header, text := headerHS256, payload("Auth", user, "access", time.Now())
	switch now := time.Now().Unix(); {
	case f.has("exp 1799"):
		text = fmt.Sprintf(`{"iss":"Auth","user":%q,"token":"access","exp":%d,"iat":%d}`, user, now+1799, now)
	case f.has("iat late"):
		text = payload("Auth", user, "access", time.Now().Add(2*time.Hour))
	case f.has("claims order"):
		text = fmt.Sprintf(`{"exp":%d,"iat":%d,"iss":"Auth","token":"access","user":%q}`, now+1800, now, user)
	case f.has("header order"):
		header = `{"typ":"JWT","alg":"HS256"}`
	case f.has("other key"):
		return signHMAC(header, text, []byte(strings.Repeat("z", 32)))
	}
	return signHMAC(header, text, f.key)
}

func (f *fake) withFields(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 5000))
	known := []string{"id", "passwd"}
	if r.URL.Path == "/auth/signup" {
		known = append(known, "email")
	}
	field, status, code := f.decode(r.Header.Get("Content-Type"), body, known)
	switch {
	case code != "":
		f.problem(w, status, code)
	case r.URL.Path == "/auth/login":
		f.login(w, field["id"], field["passwd"])
	default:
		f.signup(w, field["id"], field["passwd"], field["email"])
	}
}

func (f *fake) decode(kind string, body []byte, known []string) (map[string]string, int, string) {
	switch {
	case kind != "application/json" && !f.has("any type"):
		return nil, 415, "not_json"
	case len(body) > 4096 && !f.has("any size"):
		return nil, 413, "body_too_large"
	case !utf8.Valid(body) && !f.has("any bytes"):
		return nil, 400, "malformed"
	}
	var raw map[string]any
	dec := json.NewDecoder(bytes.NewReader(body))
	if dec.Decode(&raw) != nil || dec.More() || bytes.Count(body, []byte(`"id"`)) > 1 && !f.has("repeats") {
		return nil, 400, "malformed"
	}
	field := map[string]string{}
	for name, v := range raw {
		text, isString := v.(string)
		if !strings.Contains(strings.Join(known, " "), name) && !f.has("any field") {
			return nil, 400, "unknown_field"
		}
		if !isString {
			return nil, 400, "malformed"
		}
		field[name] = text
	}
	return field, 0, ""
}

var goodID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$`)

func (f *fake) signup(w http.ResponseWriter, id, passwd, email string) {
	f.mu.Lock()
	_, taken := f.users[strings.ToLower(id)]
	taken = taken && !f.has("ids twice")
	ok := goodID.MatchString(id) && len(passwd) >= 6 && strings.Count(email, "@") == 1
	if ok && !taken {
		f.users[strings.ToLower(id)] = id
	}
	f.mu.Unlock()
	switch {
	case !goodID.MatchString(id):
		f.problem(w, 400, "invalid_id")
	case len(passwd) < 6:
		f.problem(w, 400, "invalid_password")
	case strings.Count(email, "@") != 1:
		f.problem(w, 400, "invalid_email")
	case taken:
		f.emit("auth", "signup", id, "fail")
		f.problem(w, 409, "id_taken")
	default:
		f.emit("auth", "signup", id, "success")
		f.answer(w, map[string]string{"message": "signup successful"})
	}
}

func (f *fake) login(w http.ResponseWriter, id, passwd string) {
	f.mu.Lock()
	stored, known := f.users[strings.ToLower(id)]
	f.mu.Unlock()
	switch {
	case !known:
		f.emit("auth", "signin", id, "fail")
		if f.has("tells unknown") {
			f.problem(w, 404, "not_found")
			return
		}
		f.problem(w, 401, "wrong_credentials")
	case passwd != password:
		f.emit("auth", "signin", stored, "fail")
		f.problem(w, 401, "wrong_credentials")
	default:
		f.emit("auth", "signin", stored, "success")
		f.answer(w, map[string]string{"token": f.issue(stored)})
	}
}
