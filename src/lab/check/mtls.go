package check

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"chatlab/src/lab/inventory"
	"chatlab/src/lab/pki"
	"chatlab/src/mtls"
)

// door is a listener that admits roles by their certificates.
type door struct {
	role mtls.Role
	part string
	at   func(inventory.Node) string
}

// doors lists those of a lab.
func (j *Journey) doors() []door {
	inv := j.lab.Inventory
	private := func(part string) func(inventory.Node) string {
		return func(n inventory.Node) string { return inv.Address(part, n) }
	}
	out := []door{{mtls.Logd, partLogd, private(partLogd)}, {mtls.Authd, partAuth, inv.AuthPrivateAddress}}
	if j.lab.Target.MongoUser() == "" {
		out = append(out, door{mtls.MongoDB, partMongo, private(partMongo)})
	}
	if len(inv.Members(inventory.ZabbixServer)) > 0 {
		out = append(out, door{mtls.Healthd, partHealth, private(partHealth)})
	}
	if len(inv.Members(inventory.Chatd)) > 1 {
		out = append(out, door{mtls.Chatd, partChat, func(n inventory.Node) string { return inv.PeerAddress(inventory.Chatd, n) }})
	}
	return out
}

// mtlsChecks proves that each listener admits its roles and nobody else, by every
// certificate of the deployment.
func mtlsChecks(j *Journey) []Check {
	var checks []Check
	for _, d := range j.doors() {
		checks = append(checks, Check{
			Name: "mtls." + string(d.role), Needs: []Need{has(d.part), hasAllCertificates}, Timeout: 3 * DefaultTimeout,
			Text: "the listener of " + string(d.role) + " proves its role and refuses every certificate of another role or side, strangers and plain connections",
			Hint: "the log of the listener's service says whom it refused; `lab up`, or site.yml, renews certificates",
			Run:  func(ctx context.Context, e *Env) error { return e.guarded(ctx, d) },
		})
	}
	return checks
}

// hasAllCertificates needs every certificate of the deployment on this machine.
func hasAllCertificates(j *Journey) string {
	for _, c := range pki.Plan(j.lab.Inventory) {
		for _, end := range []string{".pem", ".key"} {
			if reason := j.lacksSecret(c.Name + end); reason != "" {
				return reason
			}
		}
	}
	return ""
}

// caller is a party that must be refused.
type caller struct {
	name string
	cert *tls.Certificate // nil: none
}

// guarded states that each member of a listener shows its role and refuses all callers.
func (e *Env) guarded(ctx context.Context, d door) error {
	callers, err := e.callers(d.role)
	if err != nil {
		return err
	}
	var all errgroup.Group
	all.SetLimit(workers)
	for _, n := range e.lab.Inventory.Members(d.part) {
		addr := d.at(n)
		for _, c := range callers {
			all.Go(func() error { return e.callerRefused(ctx, d, n.Name, addr, c) })
		}
		all.Go(func() error { return e.plainRefused(ctx, d, addr) })
	}
	return all.Wait()
}

// callers lists the certificates that a listener must refuse, and strangers.
func (e *Env) callers(listener mtls.Role) ([]caller, error) {
	stranger, err := selfSigned()
	if err != nil {
		return nil, err
	}
	out := []caller{{"a caller without a certificate", nil}, {"a stranger's certificate", &stranger}}
	for _, c := range pki.Plan(e.lab.Inventory) {
		if c.Client && slices.Contains(mtls.Admitted(listener), c.Role) {
			continue
		}
		cert, err := e.certificate(c.Name)
		if err != nil {
			return nil, err
		}
		out = append(out, caller{c.Name, &cert})
	}
	return out, nil
}

func (e *Env) certificate(name string) (tls.Certificate, error) {
	cert, err := e.lab.Target.Secret(name + ".pem")
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := e.lab.Target.Secret(name + ".key")
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.LoadX509KeyPair(cert, key)
}

// knock connects to a listener.
func (e *Env) knock(ctx context.Context, d door, addr string) (net.Conn, error) {
	raw, err := e.lab.Target.Dial(ctx, "tcp", addr)
	if err != nil {
		return nil, failf(string(d.role)+" answering on "+addr, "%v", err)
	}
	return raw, raw.SetDeadline(time.Now().Add(e.patience))
}

// callerRefused states that a listener shows its own certificate and then ends the
// connection of a caller.
func (e *Env) callerRefused(ctx context.Context, d door, node, addr string, c caller) error {
	raw, err := e.knock(ctx, d, addr)
	if err != nil {
		return err
	}
	defer raw.Close()
	config := &tls.Config{ //nolint:gosec // its certificate is looked at below
		InsecureSkipVerify: true, MinVersion: tls.VersionTLS12,
		// Shown even if the server asks for others: Certificates would not be.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if c.cert == nil {
				return new(tls.Certificate), nil
			}
			return c.cert, nil
		},
	}
	conn := tls.Client(raw, config)
	err = conn.HandshakeContext(ctx)
	if err == nil {
		_, err = conn.Read(make([]byte, 1)) // in TLS 1.3 a refusal comes after the handshake
	}
	e.doorClosed(d, addr, c.name, err)
	want := mtls.Identity{Role: d.role, Node: node}
	shown, err := mtls.PeerOf(conn.ConnectionState())
	e.True(err == nil && shown == want, fmt.Sprintf("%s at %s showing the certificate of %s", d.role, addr, want), "%s, %v", shown, err)
	return nil
}

// doorClosed states that err is the end of a connection that the server refused.
func (e *Env) doorClosed(d door, addr, who string, err error) {
	var silence net.Error
	what := fmt.Sprintf("%s at %s refusing %s", d.role, addr, who)
	e.True(err != nil, what, "it answers")
	if errors.As(err, &silence) && silence.Timeout() {
		e.True(false, what, "it keeps the connection")
	}
}

// plainRefused states that a listener does not speak without TLS.
func (e *Env) plainRefused(ctx context.Context, d door, addr string) error {
	raw, err := e.knock(ctx, d, addr)
	if err != nil {
		return err
	}
	defer raw.Close()
	_, _ = io.WriteString(raw, "0/auth/signin/admin/success\n")
	got, err := io.ReadAll(io.LimitReader(raw, 64))
	if err == nil && (len(got) == 0 || got[0] == alertRecord) {
		err = io.EOF
	}
	e.doorClosed(d, addr, "a connection without TLS", err)
	return nil
}

// alertRecord begins an alert of TLS.
const alertRecord = 21
