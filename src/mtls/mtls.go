// Package mtls reads certificates into TLS configurations in which both sides
// prove who they are with a certificate of the lab's own CA.
package mtls

import (
	"crypto/tls"
	"crypto/x509"
	"os"

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

// Server returns a configuration that demands a client certificate of the CA.
// Fails with code usage, naming the file.
func Server(f Files) (*tls.Config, error) {
	c, pool, err := load(f)
	if err != nil {
		return nil, err
	}
	c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, pool
	return c, nil
}

// Client returns a configuration that shows this side's certificate and
// accepts servers of the CA under the name (or address) that was dialled.
// Fails with code usage, naming the file.
func Client(f Files) (*tls.Config, error) {
	c, pool, err := load(f)
	if err != nil {
		return nil, err
	}
	c.RootCAs = pool
	return c, nil
}

// Peer returns a configuration for listeners and connections alike, as Server
// and Client. Fails with code usage, naming the file.
func Peer(f Files) (*tls.Config, error) {
	c, err := Server(f)
	if err != nil {
		return nil, err
	}
	c.RootCAs = c.ClientCAs
	return c, nil
}

// load reads the files at every handshake's need: certificates are renewed by
// rewriting them, so the pair is read again for each connection.
func load(f Files) (*tls.Config, *x509.CertPool, error) {
	if f.CA == "" || f.Cert == "" || f.Key == "" {
		return nil, nil, errs.E(errs.Usage, "TLS needs ca, cert and key").WithFix("set all three")
	}
	pem, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, nil, errs.E(errs.Usage, "TLS CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, nil, errs.E(errs.Usage, "TLS CA: no certificate in %s", f.CA)
	}
	if _, err := pair(f); err != nil {
		return nil, nil, err
	}
	return &tls.Config{
		MinVersion:           tls.VersionTLS13,
		GetCertificate:       func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return pair(f) },
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair(f) },
	}, pool, nil
}

func pair(f Files) (*tls.Certificate, error) {
	c, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, errs.E(errs.Usage, "TLS certificate: %w", err)
	}
	return &c, nil
}
