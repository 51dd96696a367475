// Package mtlstest makes certificates for tests.
package mtlstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"chatlab/src/mtls"
)

// Authority is a CA of a test.
type Authority struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes a CA.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{t: t, dir: t.TempDir(), key: newKey(t)}
	a.cert = &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	write(t, a.dir, "ca.pem", "CERTIFICATE", sign(t, a.cert, a.cert, a.key, a.key))
	return a
}

// Files makes a certificate of a role on a node, for 127.0.0.1 and 127.0.1.1 and for
// both sides of a connection, and returns its files.
func (a *Authority) Files(role mtls.Role, node string) mtls.Files {
	a.t.Helper()
	return a.Changed(role, node, func(*x509.Certificate) {})
}

// Changed is Files with a change of the certificate before it is signed.
func (a *Authority) Changed(role mtls.Role, node string, change func(*x509.Certificate)) mtls.Files {
	a.t.Helper()
	key := newKey(a.t)
	name := fmt.Sprint(node, "-", role)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name},
		NotBefore: a.cert.NotBefore, NotAfter: a.cert.NotAfter, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(127, 0, 1, 1)},
		URIs:     []*url.URL{mtls.Identity{Role: role, Node: node}.URI()},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	change(leaf)
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	return mtls.Files{
		CA:   filepath.Join(a.dir, "ca.pem"),
		Cert: write(a.t, a.dir, name+".pem", "CERTIFICATE", sign(a.t, leaf, a.cert, key, a.key)),
		Key:  write(a.t, a.dir, name+".key", "EC PRIVATE KEY", keyDER),
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, cert, parent *x509.Certificate, key, by *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func write(t testing.TB, dir, name, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
