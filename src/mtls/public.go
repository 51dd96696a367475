package mtls

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"

	"chatlab/src/errs"
)

// Pair names the PEM files of a listener whose clients show no certificate. Both or none.
type Pair struct {
	Cert string `mapstructure:"cert" usage:"PEM file of the public listener's certificate (empty: no TLS)"`
	Key  string `mapstructure:"key" usage:"PEM file of its private key"`
}

// Public returns the configuration of a listener for users, TLS 1.2 or later, or nil
// without files. The pair is read again for each connection. Fails with code usage.
func Public(p Pair) (*tls.Config, error) {
	if p == (Pair{}) {
		return nil, nil
	}
	if p.Cert == "" || p.Key == "" {
		return nil, errs.E(errs.Usage, "TLS of the public listener needs cert and key").WithFix("set tls.cert and tls.key, or neither")
	}
	f := Files{Cert: p.Cert, Key: p.Key}
	if _, err := pair(f); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return pair(f) },
	}, nil
}

// Roots returns the certificates of a PEM file, or nil, the system's, for "". Fails
// with code usage.
func Roots(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, errs.E(errs.Usage, "TLS CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errs.E(errs.Usage, "TLS CA: no certificate in %s", path)
	}
	return pool, nil
}

// Caller returns the configuration of a client that shows no certificate to a public
// listener. Roots as of [Roots].
func Caller(roots *x509.CertPool) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
}

// Untrusted reports whether a handshake failed because of the server's certificate.
func Untrusted(err error) bool {
	var bad *tls.CertificateVerificationError
	return errors.As(err, &bad)
}

// NoTLS reports whether a handshake failed because the other side does not speak TLS.
func NoTLS(err error) bool {
	var header tls.RecordHeaderError
	return errors.As(err, &header)
}
