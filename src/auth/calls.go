package auth

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"

	"chatlab/src/errs"
)

func (h *handler) login(r *http.Request) (any, error) {
	field, err := fields(r, "id", "passwd")
	if err != nil {
		return nil, err
	}
	signed, err := h.Login(r.Context(), r.RemoteAddr, field["id"], field["passwd"])
	return tokenAnswer{signed}, err
}

func (h *handler) signUp(r *http.Request) (any, error) {
	field, err := fields(r, "id", "passwd", "email")
	if err != nil {
		return nil, err
	}
	err = h.SignUp(r.Context(), r.RemoteAddr, field["id"], field["passwd"], field["email"])
	return messageAnswer{"signup successful"}, err
}

func (h *handler) refresh(r *http.Request) (any, error) {
	raw, err := bearerOnly(r)
	if err != nil {
		return nil, err
	}
	signed, err := h.Refresh(r.Context(), raw)
	return tokenAnswer{signed}, err
}

func (h *handler) logout(r *http.Request) (any, error) {
	raw, err := bearerOnly(r)
	if err != nil {
		return nil, err
	}
	return messageAnswer{"logout successful"}, h.Logout(r.Context(), r.RemoteAddr, raw)
}

func (h *handler) changePassword(r *http.Request) (any, error) {
	field, raw, err := bearerFields(r, "passwd", "new")
	if err != nil {
		return nil, err
	}
	signed, err := h.ChangePassword(r.Context(), r.RemoteAddr, raw, field["passwd"], field["new"])
	return tokenAnswer{signed}, err
}

func (h *handler) deleteUser(r *http.Request) (any, error) {
	field, raw, err := bearerFields(r, "passwd")
	if err != nil {
		return nil, err
	}
	return messageAnswer{"user deleted"}, h.Delete(r.Context(), r.RemoteAddr, raw, field["passwd"])
}

// bearerOnly returns the token of a call whose body is of no matter.
func bearerOnly(r *http.Request) (string, error) {
	if _, err := readBody(r); err != nil {
		return "", err
	}
	return bearer(r)
}

// bearerFields returns the fields and the token of a call that needs both.
func bearerFields(r *http.Request, known ...string) (field map[string]string, raw string, err error) {
	if field, err = fields(r, known...); err == nil {
		raw, err = bearer(r)
	}
	return field, raw, err
}

// bearer returns the token of a request (RFC 6750, 2.1); the scheme's name is compared
// without case (RFC 9110, 11.1).
func bearer(r *http.Request) (string, error) {
	scheme, raw, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || len(r.Header.Values("Authorization")) > 1 {
		return "", errs.E(errs.BadToken, "the request has no Authorization: Bearer TOKEN")
	}
	return strings.TrimSpace(raw), nil
}

func (h *handler) getUser(r *http.Request) (any, error) {
	if _, err := readBody(r); err != nil {
		return nil, err
	}
	id, err := h.Exists(r.Context(), strings.TrimPrefix(r.URL.Path, userPath))
	return userAnswer{id}, err
}

func (h *handler) health(r *http.Request) (any, error) {
	_, err := readBody(r)
	return messageAnswer{"alive"}, err
}

// fields reads a body of JSON strings.
func fields(r *http.Request, known ...string) (map[string]string, error) {
	if err := checkType(r.Header); err != nil {
		return nil, err
	}
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	return decode(body, known...)
}

// checkType admits application/json, in UTF-8 and not compressed.
func checkType(h http.Header) error {
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	charset, has := params["charset"]
	if err != nil || kind != "application/json" || has && !strings.EqualFold(charset, "utf-8") {
		return errs.E(errs.NotJSON, "the request needs Content-Type: application/json")
	}
	if enc := h.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return errs.E(errs.NotJSON, "the body must not be compressed")
	}
	return nil
}

// readBody reads what MaxBody and the server's read deadline allow.
func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return body, nil
	case errors.As(err, &tooLarge):
		return nil, errs.E(errs.BodyTooLarge, "the body has more than %d bytes", MaxBody)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, errs.E(errs.Timeout, "the body did not come in time")
	}
	return nil, errs.Wrap(err, errs.Malformed, "the body ended early")
}
