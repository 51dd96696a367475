package mtls

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"chatlab/src/errs"
)

// Explain returns the error of a connection as the client's side should read it. A
// server sends an alert without a reason when it refuses a certificate, so the error
// names this side's role and points to the server's log; code unavailable. Other
// errors are returned as they are.
func Explain(f Files, err error) error {
	var remote *net.OpError
	if !errors.As(err, &remote) || remote.Op != "remote error" {
		return err
	}
	return errs.E(errs.Unavailable, "the server refused the certificate %s (%s): %w", f.Cert, holder(f), err).
		WithFix("the server's log says why; the certificate must be valid now, of the lab's CA, and of a role that the server admits")
}

// holder describes the certificate of a side.
func holder(f Files) string {
	c, err := pair(f)
	if err != nil {
		return err.Error()
	}
	id, err := IdentityOf(c.Leaf)
	if err != nil {
		return "without a role"
	}
	return id.String()
}

func oneOf(roles []Role) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return strings.Join(names, " or ")
}

// Bounds of what Refusals reports.
const (
	refusalPause = time.Minute
	refusalPeers = 1024 // remembered at a time
)

// Refusals writes a server's refusals to its log, once for each peer and minute: a
// peer that tries again and again, or a stranger, must not fill the log.
type Refusals struct {
	log *slog.Logger

	mu     sync.Mutex
	said   map[string]time.Time // by peer
	unsaid int                  // refusals since the last line
}

// NewRefusals returns a Refusals without peers.
func NewRefusals(log *slog.Logger) *Refusals {
	return &Refusals{log: log, said: map[string]time.Time{}}
}

// Say reports why a connection from addr, host:port, was refused.
func (r *Refusals) Say(addr string, err error) {
	host, _, splitErr := net.SplitHostPort(addr)
	if splitErr != nil {
		host = addr
	}
	name := shown(err)
	others, due := r.due(host+" "+name, time.Now())
	if due {
		r.log.Warn("connection refused", "addr", addr, "name", name, "err", err, "others", others)
	}
}

// due reports whether a peer's refusal is to be written, and how many were not since
// the last line.
func (r *Refusals) due(peer string, now time.Time) (others int, due bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at, known := r.said[peer]; known && now.Sub(at) < refusalPause {
		r.unsaid++
		return 0, false
	}
	for p, at := range r.said {
		if now.Sub(at) >= refusalPause {
			delete(r.said, p)
		}
	}
	if len(r.said) >= refusalPeers {
		r.unsaid++
		return 0, false
	}
	r.said[peer] = now
	others, r.unsaid = r.unsaid, 0
	return others, true
}

// shown returns the holder of the certificate that a failed handshake was about, or "".
func shown(err error) string {
	var role *wrongRole
	var bad *tls.CertificateVerificationError
	switch {
	case errors.As(err, &role):
		return role.holder.String()
	case !errors.As(err, &bad) || len(bad.UnverifiedCertificates) == 0:
		return ""
	}
	cert := bad.UnverifiedCertificates[0]
	if id, err := IdentityOf(cert); err == nil {
		return id.String()
	}
	return fmt.Sprintf("%.64q", cert.Subject.CommonName)
}

// wrongRole refuses a valid certificate of another role.
type wrongRole struct {
	holder Identity
	error
}

func (w *wrongRole) Unwrap() error { return w.error }
