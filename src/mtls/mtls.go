// Package mtls reads certificates into TLS configurations in which both sides prove
// with a certificate of the lab's own CA which part of the lab they are.
package mtls

import (
	"crypto/tls"
	"crypto/x509"
	"slices"

	"chatlab/src/errs"
)

// Files names the PEM files of one party. All three or none.
type Files struct {
	CA   string `mapstructure:"ca" usage:"PEM file of the CA that signs both sides"`
	Cert string `mapstructure:"cert" usage:"PEM file of this side's certificate"`
	Key  string `mapstructure:"key" usage:"PEM file of this side's private key"`
}

// Set tells whether any file is named.
func (f Files) Set() bool { return f.CA != "" || f.Cert != "" || f.Key != "" }

// Server returns a configuration that demands a client certificate of the CA with one
// of the roles. Fails with code usage, naming the file.
func Server(f Files, roles ...Role) (*tls.Config, error) {
	c, pool, err := load(f, roles)
	if err != nil {
		return nil, err
	}
	c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, pool
	return c, nil
}

// Client returns a configuration that shows this side's certificate and accepts
// servers of the CA with one of the roles, under the name (or address) that was
// dialled. Fails with code usage, naming the file.
func Client(f Files, roles ...Role) (*tls.Config, error) {
	c, pool, err := load(f, roles)
	if err != nil {
		return nil, err
	}
	c.RootCAs = pool
	return c, nil
}

// Peer returns a configuration for listeners and connections alike, as Server
// and Client. Fails with code usage, naming the file.
func Peer(f Files, roles ...Role) (*tls.Config, error) {
	c, err := Server(f, roles...)
	if err != nil {
		return nil, err
	}
	c.RootCAs = c.ClientCAs
	return c, nil
}

// load reads the files at every handshake's need: certificates are renewed by
// rewriting them, so the pair is read again for each connection.
func load(f Files, roles []Role) (*tls.Config, *x509.CertPool, error) {
	if f.CA == "" || f.Cert == "" || f.Key == "" {
		return nil, nil, errs.E(errs.Usage, "TLS needs ca, cert and key").WithFix("set all three")
	}
	pool, err := Roots(f.CA)
	if err != nil {
		return nil, nil, err
	}
	if _, err := pair(f); err != nil {
		return nil, nil, err
	}
	return &tls.Config{
		MinVersion:           tls.VersionTLS13,
		GetCertificate:       func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return pair(f) },
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair(f) },
		VerifyConnection:     func(s tls.ConnectionState) error { return admit(s, roles) },
		// A ticket would admit a certificate that has been replaced since.
		SessionTicketsDisabled: true,
	}, pool, nil
}

func pair(f Files) (*tls.Certificate, error) {
	c, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, errs.E(errs.Usage, "TLS certificate: %w", err)
	}
	return &c, nil
}

// admit refuses a peer that has none of the roles.
func admit(s tls.ConnectionState, roles []Role) error {
	id, err := PeerOf(s)
	if err != nil {
		return err
	}
	if !slices.Contains(roles, id.Role) {
		return &wrongRole{id, errs.E(errs.Usage, "the certificate is of %s; its role must be %s", id, oneOf(roles)).
			WithFix("give the other side the certificate of that role, or correct the address")}
	}
	return nil
}

// PeerOf returns the holder of the certificate that the other side has shown. Fails
// with code usage, as IdentityOf.
func PeerOf(s tls.ConnectionState) (Identity, error) {
	if len(s.PeerCertificates) == 0 {
		return Identity{}, errs.E(errs.Usage, "the other side has shown no certificate")
	}
	return IdentityOf(s.PeerCertificates[0])
}
