package client

import (
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"time"

	"chatlab/src/errs"
)

// maxRetryAfter bounds what a server may ask for.
const maxRetryAfter = time.Hour

// problem turns an answer that is not 2xx into an error: from its problem
// document (RFC 9457) where it is one, else from its status alone.
func problem(resp *http.Response, text []byte) error {
	after := retryAfter(resp.Header.Get("Retry-After"), time.Now())
	var doc struct{ Title, Detail, Code string }
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind != "application/problem+json" || json.Unmarshal(text, &doc) != nil || doc.Code == "" {
		return errs.E(codeOfStatus(resp.StatusCode), "the auth server answered %s", Printable(resp.Status)).WithRetry(after)
	}
	message := doc.Detail
	if message == "" {
		message = doc.Title
	}
	if message == "" {
		message = doc.Code
	}
	return errs.E(errs.Code(Printable(doc.Code)), "%s", Printable(message)).WithRetry(after)
}

// codeOfStatus is for answers of something between us and authd.
func codeOfStatus(status int) errs.Code {
	switch {
	case status == http.StatusTooManyRequests:
		return errs.RateLimited
	case status == http.StatusNotFound:
		return errs.NotFound
	case status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		return errs.Unavailable
	}
	return errs.Internal
}

// retryAfter reads the header in both of its forms (RFC 9110, 10.2.3).
func retryAfter(value string, now time.Time) time.Duration {
	if value == "" {
		return 0
	}
	after := time.Duration(0)
	if sec, err := strconv.ParseUint(value, 10, 32); err == nil {
		after = time.Duration(sec) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		after = at.Sub(now)
	}
	return min(max(after, 0), maxRetryAfter)
}
