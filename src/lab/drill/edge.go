package drill

import (
	"crypto/x509"

	"chatlab/src/client"
	"chatlab/src/lab"
	"chatlab/src/mtls"
)

// rootsOf returns the lab's CA if a public listener has TLS, else nil. Fails with codes
// usage and not_found.
func rootsOf(l *lab.Lab) (*x509.CertPool, error) {
	if !l.Inventory.AnyTLS() {
		return nil, nil
	}
	path, err := l.Target.Secret("ca.pem")
	if err != nil {
		return nil, err
	}
	return mtls.Roots(path)
}

// newAuth makes a client of auth servers at their base URLs.
func (r *run) newAuth(bases ...string) (*client.Auth, error) {
	return client.NewAuthOf(r.roots, bases...)
}
