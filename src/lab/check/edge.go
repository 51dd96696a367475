package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"chatlab/src/client"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/mtls"
)

// rootsOf returns the lab's CA, for its public listeners; nil where there is none.
func rootsOf(t lab.Target) *x509.CertPool {
	path, err := t.Secret("ca.pem")
	if err != nil {
		return nil
	}
	roots, err := mtls.Roots(path)
	if err != nil {
		return nil // the handshakes fail, and say why
	}
	return roots
}

// edge is a listener for users.
type edge struct {
	part     string
	role     mtls.Role
	variable string
	question string // of a client without TLS
	refusal  string // how its answer begins where there is TLS
}

var edges = []edge{
	{partAuth, mtls.AuthPublic, "auth_tls", "GET /auth/health HTTP/1.1\r\nHost: lab\r\n\r\n", "HTTP/1.0 400 "},
	{partChat, mtls.ChatPublic, "chat_tls", "no-token-of-this-lab\n", "error: bad_request: "},
}

// edgeChecks proves that public listeners have TLS exactly where the inventory says so.
func edgeChecks(j *Journey) []Check {
	var checks []Check
	for _, d := range edges {
		check := Check{
			Name: "edge." + d.part, Text: d.part + " speaks without TLS, as the inventory says", Needs: []Need{has(d.part)},
			Hint: d.variable + " in the inventory says whether it has TLS; `lab up`, or site.yml, carries it out",
			Run:  func(ctx context.Context, e *Env) error { return e.eachEdge(ctx, d, e.edgePlain) },
		}
		if j.lab.Inventory.TLS(d.part) {
			check.Text = d.part + " shows a certificate of the lab's CA, and refuses a client without TLS"
			check.Run = func(ctx context.Context, e *Env) error { return e.eachEdge(ctx, d, e.edgeSecure) }
		}
		checks = append(checks, check)
	}
	return checks
}

func (e *Env) eachEdge(ctx context.Context, d edge, state func(context.Context, edge, inventory.Node, string) error) error {
	for _, n := range e.lab.Inventory.Members(d.part) {
		if err := state(ctx, d, n, e.lab.Inventory.Address(d.part, n)); err != nil {
			return err
		}
	}
	return nil
}

// edgePlain states that a listener does not take a handshake of TLS.
func (e *Env) edgePlain(ctx context.Context, d edge, _ inventory.Node, addr string) error {
	raw, err := e.reach(ctx, addr)
	if err != nil {
		return err
	}
	defer raw.Close()
	config := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // there is to be no certificate
	err = tls.Client(raw, config).HandshakeContext(ctx)
	e.True(mtls.NoTLS(err), fmt.Sprintf("%s at %s answering a handshake of TLS without TLS", d.part, addr), "%v", err)
	return nil
}

// edgeSecure states the certificate of a listener, and what it answers without TLS.
func (e *Env) edgeSecure(ctx context.Context, d edge, n inventory.Node, addr string) error {
	raw, err := e.reach(ctx, addr)
	if err != nil {
		return err
	}
	defer raw.Close()
	config := mtls.Caller(e.roots)
	config.ServerName, _, _ = net.SplitHostPort(addr)
	conn := tls.Client(raw, config)
	err = conn.HandshakeContext(ctx)
	if !e.True(err == nil, fmt.Sprintf("%s at %s with a certificate of the lab's CA for that address", d.part, addr), "%v", err) {
		return nil
	}
	want := mtls.Identity{Role: d.role, Node: n.Name}
	shown, err := mtls.PeerOf(conn.ConnectionState())
	e.True(err == nil && shown == want, "the certificate of "+want.String(), "%s, %v", shown, err)
	return e.clearRefused(ctx, d, addr)
}

// clearRefused states that a client without TLS is told so, and hung up on.
func (e *Env) clearRefused(ctx context.Context, d edge, addr string) error {
	raw, err := e.reach(ctx, addr)
	if err != nil {
		return err
	}
	defer raw.Close()
	if _, err := io.WriteString(raw, d.question); err != nil {
		return err
	}
	answer, err := io.ReadAll(io.LimitReader(raw, 4<<10))
	e.True(err == nil && strings.HasPrefix(string(answer), d.refusal), fmt.Sprintf("%s at %s refusing a client without TLS", d.part, addr), "%q, %v", answer, err)
	return nil
}

// reach connects to a listener for as long as a stranger is kept.
func (e *Env) reach(ctx context.Context, addr string) (net.Conn, error) {
	raw, err := e.lab.Target.Dial(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return raw, raw.SetDeadline(time.Now().Add(e.patience))
}

// authScheme returns how the URL of an auth server begins.
func (j *Journey) authScheme() string {
	if j.lab.Inventory.TLS(partAuth) {
		return "https://"
	}
	return "http://"
}

// chatConn connects to a chat server as the lab's clients do.
func (j *Journey) chatConn(ctx context.Context, addr string) (net.Conn, error) {
	if j.lab.Inventory.TLS(partChat) {
		addr = "tls://" + addr
	}
	return client.Connect(ctx, new(net.Dialer).DialContext, j.roots, addr)
}

// transport reaches what the target does, and trusts the lab's CA only.
func transport(t lab.Target, roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		MaxIdleConnsPerHost: workers, IdleConnTimeout: 5 * time.Second, DialContext: t.Dial,
		TLSClientConfig: mtls.Caller(roots),
	}
}
