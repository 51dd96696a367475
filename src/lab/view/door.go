package view

import (
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
)

// openPath takes a token and lets a browser in.
const openPath = "/open"

// cookieName is that of the cookie, which is sent for the server's own random path only:
// another user's page on another port of the same address never gets it.
const cookieName = "chatlab-view"

// door lets browsers in that have a token, and afterwards those that have its cookie.
type door struct {
	base   string
	cookie string
	opened func(path string)

	mu    sync.Mutex
	token string
}

func newDoor(base string, opened func(string)) *door {
	return &door{base: base, cookie: secret(32), token: secret(32), opened: opened}
}

// path is where a browser is let in, once.
func (d *door) path() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return openPath + "?token=" + d.token
}

// take uses the token up; false when it is another.
func (d *door) take(token string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if subtle.ConstantTimeCompare([]byte(token), []byte(d.token)) != 1 {
		return false
	}
	d.token = secret(32)
	return true
}

// guard answers strangers, and passes on admitted browsers.
func (d *door) guard(inside http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers(w.Header())
		switch {
		case !ours(r.Host):
			http.Error(w, "This address is not served here.", http.StatusMisdirectedRequest)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			http.Error(w, "This page is read only.", http.StatusMethodNotAllowed)
		case r.URL.Path == openPath && r.Method == http.MethodGet && d.take(r.URL.Query().Get("token")):
			http.SetCookie(w, &http.Cookie{Name: cookieName, Value: d.cookie, Path: d.base, HttpOnly: true, SameSite: http.SameSiteStrictMode}) //nolint:gosec // loopback has no TLS
			http.Redirect(w, r, d.base, http.StatusSeeOther)
			d.opened(d.path())
		case !d.known(r):
			http.Error(w, "Open the address that `lab view` printed last: each is good for one browser.", http.StatusForbidden)
		default:
			inside.ServeHTTP(w, r)
		}
	})
}

func (d *door) known(r *http.Request) bool {
	c, err := r.Cookie(cookieName)
	return err == nil && strings.HasPrefix(r.URL.Path, d.base) && subtle.ConstantTimeCompare([]byte(c.Value), []byte(d.cookie)) == 1
}

// ours tells whether a Host header names this machine's loopback. Its port may differ: SSH
// forwards the page to one of its own.
func ours(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && a.IsLoopback()
}

// headers forbids the page everything but itself, and others to hold it.
func headers(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}
