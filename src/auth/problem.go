package auth

import (
	"net/http"
	"strconv"
	"time"

	"chatlab/src/errs"
)

// problem is the body of a refusal (RFC 9457), with the stable code that
// programs compare.
type problem struct {
	Type   string    `json:"type"`
	Title  string    `json:"title"`
	Status int       `json:"status"`
	Detail string    `json:"detail"`
	Code   errs.Code `json:"code"`
}

// statusOf is the one place where codes become statuses.
func statusOf(code errs.Code) int {
	switch code {
	case errs.Malformed, errs.UnknownField, errs.InvalidID, errs.InvalidPassword, errs.InvalidEmail:
		return http.StatusBadRequest
	case errs.WrongCredentials, errs.BadToken, errs.TokenExpired, errs.TokenRevoked:
		return http.StatusUnauthorized
	case errs.NotFound:
		return http.StatusNotFound
	case errs.MethodNotAllowed:
		return http.StatusMethodNotAllowed
	case errs.Timeout:
		return http.StatusRequestTimeout
	case errs.IDTaken:
		return http.StatusConflict
	case errs.BodyTooLarge:
		return http.StatusRequestEntityTooLarge
	case errs.NotJSON:
		return http.StatusUnsupportedMediaType
	case errs.RateLimited:
		return http.StatusTooManyRequests
	case errs.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// refuse answers with a problem; what a peer may not read goes to the log.
func (h *handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	code := errs.CodeOf(err)
	status, detail := statusOf(code), errs.Public(err)
	switch status {
	case http.StatusInternalServerError:
		code, detail = errs.Internal, "internal error"
		h.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "err", err)
	case http.StatusServiceUnavailable:
		h.Log.Warn("request refused", "method", r.Method, "path", r.URL.Path, "err", err)
		w.Header().Set("Retry-After", seconds(errs.RetryAfterOf(err)))
	case http.StatusTooManyRequests:
		h.logRefusal(r, err)
		w.Header().Set("Retry-After", seconds(errs.RetryAfterOf(err)))
	case http.StatusUnauthorized:
		h.logRefusal(r, err)
		w.Header().Set("WWW-Authenticate", challenge(code))
	case http.StatusRequestTimeout, http.StatusRequestEntityTooLarge:
		w.Header().Set("Connection", "close")
	}
	send(w, status, "application/problem+json", problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status,
		Detail: detail, Code: code,
	})
}

// logRefusal logs a refused attempt with its peer's address. A flood writes no more
// lines than the log takes: the metrics count all.
func (h *handler) logRefusal(r *http.Request, err error) {
	if h.refusals.Allow() {
		h.Log.Info("refused", "path", r.URL.Path, "addr", r.RemoteAddr, "code", errs.CodeOf(err), "err", err)
	}
}

// challenge is what RFC 9110 (15.5.2) asks of every 401, after RFC 6750, 3.
func challenge(code errs.Code) string {
	if code == errs.WrongCredentials {
		return `Bearer realm="chatlab"`
	}
	return `Bearer realm="chatlab", error="invalid_token"`
}

// seconds rounds up, so that a client that waits as long is not early.
func seconds(d time.Duration) string {
	return strconv.Itoa(max(1, int((d+time.Second-1)/time.Second)))
}
