package check

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/wait"
)

// maxBody bounds the part of an answer that is read, in bytes.
const maxBody = 4 << 20

const (
	typeJSON    = "application/json"
	typeProblem = "application/problem+json"
)

// call is one HTTP request.
type call struct {
	method, path string
	body         string
	ctype        string // "" is application/json where there is a body, "-" is none
	bearer       string
	node         int // which auth server, counted round, where there are several
}

// reply is its answer, read whole.
type reply struct {
	status int
	ctype  string // media type without parameters
	header http.Header
	body   string // without the line feed at its end, if it has one
}

// code returns the member "code" of a problem document, or "".
func (r reply) code() string {
	var doc struct {
		Code string `json:"code"`
	}
	if json.Unmarshal([]byte(r.body), &doc) != nil {
		return ""
	}
	return doc.Code
}

// newHTTP makes the client of a run: no proxy, no redirect, no cookie. It
// reaches what the target does.
func newHTTP(t lab.Target, roots *x509.CertPool) *http.Client {
	return &http.Client{
		Transport:     transport(t, roots),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// get asks any URL.
func (j *Journey) get(ctx context.Context, url string) (reply, error) {
	return j.do(ctx, url, call{method: http.MethodGet})
}

// auth asks the auth server, again when it says when (Retry-After).
func (j *Journey) auth(ctx context.Context, c call) (reply, error) {
	servers := j.serving(partAuth)
	if len(servers) == 0 {
		return reply{}, fmt.Errorf("the inventory has no %s", partAuth)
	}
	return j.authAt(ctx, servers[c.node%len(servers)].addr, c)
}

// authAt is auth at an address; c's node does not matter.
func (j *Journey) authAt(ctx context.Context, addr string, c call) (reply, error) {
	url := j.authScheme() + addr + c.path
	for {
		r, err := j.do(ctx, url, c)
		if err != nil || r.status != http.StatusTooManyRequests {
			return r, err
		}
		seconds, err := strconv.Atoi(r.header.Get("Retry-After"))
		if err != nil || seconds > maxRetry {
			return r, nil
		}
		if !wait.Sleep(ctx, time.Duration(seconds)*time.Second) {
			return r, nil
		}
	}
}

// maxRetry is how long, in seconds, a check waits when the auth server says
// that this address asks too much: others on it may have used up its share.
const maxRetry = 3

func (j *Journey) do(ctx context.Context, url string, c call) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, c.method, url, strings.NewReader(c.body))
	if err != nil {
		return reply{}, err
	}
	switch {
	case c.ctype == "-":
	case c.ctype != "":
		req.Header.Set("Content-Type", c.ctype)
	case c.body != "":
		req.Header.Set("Content-Type", typeJSON)
	}
	if c.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	res, err := j.http.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return reply{}, fmt.Errorf("the answer to %s %s breaks off: %w", c.method, c.path, err)
	}
	ctype, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil {
		ctype = res.Header.Get("Content-Type")
	}
	return reply{res.StatusCode, ctype, res.Header, string(bytes.TrimSuffix(body, []byte("\n")))}, nil
}

// answers states an answer's status, media type and exact body.
func (e *Env) answers(r reply, status int, body string) {
	e.Same("status", status, r.status)
	e.Same("content type", typeJSON, r.ctype)
	e.Same("body", body, r.body)
}

// refuses states that an answer is a problem document (RFC 9457) with a status
// and a code, and that it shows nothing of the server's inside.
func (e *Env) refuses(r reply, status int, code errs.Code) {
	want := fmt.Sprintf("%d %s with code %q", status, typeProblem, code)
	e.True(r.status == status && r.ctype == typeProblem && r.code() == string(code), want,
		"%d %s %s", r.status, r.ctype, r.body)
	var doc struct {
		Title  string
		Status int
	}
	err := json.Unmarshal([]byte(r.body), &doc)
	e.True(err == nil && doc.Title != "" && (doc.Status == 0 || doc.Status == status),
		fmt.Sprintf("a problem document with a title, and the status %d if any", status), "%s", r.body)
}

// jsonText writes v as JSON; only for values that always can be.
func jsonText(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
	return strings.TrimSuffix(b.String(), "\n")
}
