package client

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"chatlab/src/dial"
	"chatlab/src/errs"
	"chatlab/src/mtls"
)

// Limits of one call to the auth server.
const (
	authTimeout     = 15 * time.Second // one address: connect, send, hash, answer
	authDialTimeout = 3 * time.Second
	authSilence     = 10 * time.Second // of a machine until it is taken to be gone
	maxAnswer       = 64 << 10         // bytes
)

// The same where there are several servers to go to.
const (
	dialOneOfMany  = time.Second
	silenceOfOneOf = 1500 * time.Millisecond
)

// Auth is a client of the auth server. It is safe for concurrent use.
//
// A call tries the base URLs in order, beginning with the one that answered
// last, or the next after one that did not: the next one when a server cannot be
// reached or answers 5xx. Errors are
// [errs.Error]: the code, message and Retry-After of the server's problem
// document (RFC 9457), and code unavailable where no server answered. Redirects
// are not followed, and proxies not used: a password goes to authd alone.
type Auth struct {
	bases []string
	http  *http.Client
	last  atomic.Int32
}

// NewAuth makes a client from base URLs such as http://host:8081. It trusts the
// system's CAs. Fails with code usage.
func NewAuth(bases ...string) (*Auth, error) { return NewAuthOf(nil, bases...) }

// NewAuthOf is NewAuth for servers of https:// whose certificates are of other roots,
// see [mtls.Roots]. Fails with code usage.
func NewAuthOf(roots *x509.CertPool, bases ...string) (*Auth, error) {
	if len(bases) == 0 {
		return nil, errs.E(errs.Usage, "no address of the auth server").WithFix("give --auth http://HOST:8081")
	}
	dialer := dial.Dialer(authDialTimeout, authSilence)
	if len(bases) > 1 {
		dialer = dial.Dialer(dialOneOfMany, silenceOfOneOf)
	}
	a := &Auth{http: &http.Client{
		Timeout: authTimeout,
		Transport: &http.Transport{
			DialContext:         dialer.DialContext,
			TLSHandshakeTimeout: authDialTimeout,
			TLSClientConfig:     mtls.Caller(roots),
			MaxIdleConnsPerHost: 64, // a load generator signs in many at once
			IdleConnTimeout:     30 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	for _, base := range bases {
		u, err := url.Parse(base)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.User != nil {
			return nil, errs.E(errs.Usage, "%q is not the base URL of an auth server", base).WithFix("write it as http://HOST:8081")
		}
		a.bases = append(a.bases, strings.TrimRight(base, "/"))
	}
	return a, nil
}

// Login signs a user in and returns an access token. Fails with
// wrong_credentials, rate_limited, unavailable and the codes of bad fields.
func (a *Auth) Login(ctx context.Context, id, passwd string) (string, error) {
	return a.token(ctx, call{method: http.MethodPost, path: "/auth/login", body: map[string]string{"id": id, "passwd": passwd}})
}

// Refresh gives a new token for one that is still valid. Fails with bad_token,
// token_expired, unavailable.
func (a *Auth) Refresh(ctx context.Context, token string) (string, error) {
	return a.token(ctx, call{method: http.MethodPost, path: "/auth/refresh", bearer: token})
}

// SignUp makes a user. Fails with id_taken, rate_limited, unavailable and the
// codes of bad fields. A sign-up whose answer was lost is not tried at another
// address, since the user may exist by then.
func (a *Auth) SignUp(ctx context.Context, id, passwd, email string) error {
	body := map[string]string{"id": id, "passwd": passwd, "email": email}
	return a.do(ctx, call{method: http.MethodPost, path: "/auth/signup", body: body, once: true}, nil)
}

// GetUser returns the id of a user as it is stored. Fails with not_found,
// unavailable.
func (a *Auth) GetUser(ctx context.Context, id string) (string, error) {
	var answer struct{ ID string }
	if err := a.do(ctx, call{method: http.MethodGet, path: "/auth/getuser/" + url.PathEscape(id)}, &answer); err != nil {
		return "", err
	}
	return answer.ID, nil
}

// Logout ends all tokens of a token's user. Fails with bad_token, token_expired,
// token_revoked, unavailable.
func (a *Auth) Logout(ctx context.Context, token string) error {
	return a.do(ctx, call{method: http.MethodPost, path: "/auth/logout", bearer: token}, nil)
}

// ChangePassword replaces the password of a token's user, ends the user's tokens and
// returns a new one. Fails with the codes of Logout and Login. A change whose answer was
// lost is not tried at another address, where the old password may be wrong by then.
func (a *Auth) ChangePassword(ctx context.Context, token, passwd, fresh string) (string, error) {
	body := map[string]string{"passwd": passwd, "new": fresh}
	return a.token(ctx, call{method: http.MethodPost, path: "/auth/passwd", bearer: token, body: body, once: true})
}

// DeleteUser deletes a token's user. Fails as ChangePassword.
func (a *Auth) DeleteUser(ctx context.Context, token, passwd string) error {
	body := map[string]string{"passwd": passwd}
	return a.do(ctx, call{method: http.MethodDelete, path: "/auth/user", bearer: token, body: body, once: true}, nil)
}

// Health returns nil when a server says that it is alive. Fails with
// unavailable.
func (a *Auth) Health(ctx context.Context) error {
	return a.do(ctx, call{method: http.MethodGet, path: "/auth/health"}, nil)
}

// Close drops idle connections.
func (a *Auth) Close() { a.http.CloseIdleConnections() }

// call is one request, whichever server takes it.
type call struct {
	method, path string
	body         any    // sent as JSON, unless nil
	bearer       string // access token, unless ""
	once         bool   // must not be repeated when it may have been done
}

func (a *Auth) token(ctx context.Context, c call) (string, error) {
	var answer struct{ Token string }
	if err := a.do(ctx, c, &answer); err != nil {
		return "", err
	}
	if answer.Token == "" {
		return "", errs.E(errs.Internal, "the auth server's answer has no token")
	}
	return answer.Token, nil
}

// do tries the servers until one gives an answer that another would give too.
func (a *Auth) do(ctx context.Context, c call, answer any) error {
	first := int(a.last.Load())
	var err error
	for i := range a.bases {
		at := (first + i) % len(a.bases)
		var again bool
		again, err = a.try(ctx, a.bases[at], c, answer)
		if errs.Is(err, errs.Unavailable) {
			at = (at + 1) % len(a.bases) // the next call begins with another
		}
		a.last.Store(int32(at))
		if !again || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// try makes one request. again tells that another server may do better.
func (a *Auth) try(ctx context.Context, base string, c call, answer any) (again bool, err error) {
	req, err := c.request(ctx, base)
	if err != nil {
		return false, err
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return !c.once || notSent(err), away(base, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return !c.once, away(base, err)
	}
	if resp.StatusCode/100 != 2 {
		if onlyHTTPS(resp, text) {
			return true, errs.E(errs.Unavailable, "the auth server at %s speaks TLS only", base).WithFix("write its address as https://")
		}
		return resp.StatusCode >= 500, problem(resp, text)
	}
	if answer == nil {
		return false, nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return false, errs.Wrap(err, errs.Internal, "the auth server's answer is not understood")
	}
	return false, nil
}

func (c call) request(ctx context.Context, base string) (*http.Request, error) {
	var body io.Reader
	if c.body != nil {
		text, err := json.Marshal(c.body)
		if err != nil {
			return nil, errs.Wrap(err, errs.Internal, "encode the request")
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, c.method, base+c.path, body)
	if err != nil {
		return nil, errs.Wrap(err, errs.Usage, "the address of the auth server cannot be used")
	}
	req.Header.Set("Accept", "application/json, application/problem+json")
	if c.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	return req, nil
}

// notSent tells that the server has not seen the request.
func notSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// away words a failure of the network; the URL in Go's message says no more.
func away(base string, err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if fault := tlsFault(err, "auth", base, "http://"); fault != nil {
		return fault
	}
	return errs.Wrap(err, errs.Unavailable, "the auth server at %s does not answer", base).
		WithFix("see whether authd runs there: curl %s/auth/health", base)
}
