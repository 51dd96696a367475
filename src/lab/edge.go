package lab

import (
	"crypto/x509"

	"chatlab/src/client"
	"chatlab/src/lab/inventory"
	"chatlab/src/mtls"
)

// Roots returns the CA of what users connect to; nil where nothing of it speaks TLS.
// Fails with code usage.
func (l *Lab) Roots() (*x509.CertPool, error) {
	if !l.Inventory.AnyTLS() {
		return nil, nil
	}
	path, err := l.Target.Secret("ca.pem")
	if err != nil {
		return nil, err
	}
	return mtls.Roots(path)
}

// Auth returns a client of the lab's auth servers. Fails with code usage.
func (l *Lab) Auth() (*client.Auth, error) {
	roots, err := l.Roots()
	if err != nil {
		return nil, err
	}
	return client.NewAuthOf(roots, l.Inventory.Servers(inventory.Authd)...)
}
