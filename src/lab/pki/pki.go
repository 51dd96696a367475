// Package pki is the certificate authority of one lab: a random CA for each
// deployment, and certificates for its parts, ECDSA P-256, renewed when they
// near their end. Private keys are files that only their owner reads.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"chatlab/src/errs"
	"chatlab/src/files"
)

// How long certificates are valid, and how long before their end they are
// made anew. A lab that is brought up at least once a month never sees an end.
const (
	caValidity   = 10 * 365 * 24 * time.Hour
	caRenewal    = 400 * 24 * time.Hour // more than a leaf lives
	leafValidity = 365 * 24 * time.Hour
	leafRenewal  = 60 * 24 * time.Hour
	clockSkew    = time.Hour // clocks of other machines may be late
)

// Authority signs the certificates of one lab.
type Authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Open reads the authority in a folder, ca.pem and ca.key, or makes a new one
// if there is none, it cannot be used any more or it nears its end. Fails with
// code failed.
func Open(dir string, now time.Time) (*Authority, error) {
	cert, key, err := read(dir, "ca")
	if err == nil && cert.IsCA && now.After(cert.NotBefore) && cert.NotAfter.Sub(now) > caRenewal {
		return &Authority{dir, cert, key}, nil
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "chatlab lab CA", Organization: []string{"chatlab"}},
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.Add(caValidity),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, errs.E(errs.Failed, "lab CA: %w", err)
	}
	cert, err = write(dir, "ca", template, template, key, key)
	if err != nil {
		return nil, err
	}
	return &Authority{dir, cert, key}, nil
}

// Ensure leaves NAME.pem and NAME.key in the authority's folder: a certificate
// for both sides of a connection, valid for the given host names and
// addresses. It makes a new pair only where there is none that will do, and
// tells whether it did. Fails with code failed.
func (a *Authority) Ensure(name string, hosts []string, now time.Time) (renewed bool, err error) {
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: name, Organization: []string{"chatlab"}},
		NotBefore:   now.Add(-clockSkew),
		NotAfter:    now.Add(leafValidity),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	if cert, _, err := read(a.dir, name); err == nil && a.good(cert, hosts, now) {
		return false, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return false, errs.E(errs.Failed, "certificate %s: %w", name, err)
	}
	_, err = write(a.dir, name, template, a.cert, key, a.key)
	return err == nil, err
}

// good tells whether a certificate serves for all hosts for long enough.
func (a *Authority) good(cert *x509.Certificate, hosts []string, now time.Time) bool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	_, err := cert.Verify(x509.VerifyOptions{
		Roots: pool, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	ok := err == nil && cert.NotAfter.Sub(now) > leafRenewal
	for _, h := range hosts {
		ok = ok && cert.VerifyHostname(h) == nil
	}
	return ok
}

// read reads a pair. The key must belong to the certificate.
func read(dir, name string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	certBlock, err := readPEM(filepath.Join(dir, name+".pem"))
	if err != nil {
		return nil, nil, err
	}
	keyBlock, err := readPEM(filepath.Join(dir, name+".key"))
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		return nil, nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		return nil, nil, err
	}
	key, isEC := parsed.(*ecdsa.PrivateKey)
	if !isEC || !key.PublicKey.Equal(cert.PublicKey) {
		return nil, nil, errs.E(errs.Failed, "%s.key does not belong to %s.pem", name, name)
	}
	return cert, key, nil
}

func readPEM(path string) (*pem.Block, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errs.E(errs.Failed, "no PEM block in %s", path)
	}
	return block, nil
}

// write signs and stores a pair, each file complete or not at all; the key
// first, so that a pair torn by a crash does not look good.
func write(dir, name string, template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, errs.E(errs.Failed, "certificate %s: %w", name, err)
	}
	template.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, errs.E(errs.Failed, "certificate %s: %w", name, err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, errs.E(errs.Failed, "certificate %s: %w", name, err)
	}
	if err := writePEM(filepath.Join(dir, name+".key"), "PRIVATE KEY", keyDER); err != nil {
		return nil, err
	}
	if err := writePEM(filepath.Join(dir, name+".pem"), "CERTIFICATE", der); err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func writePEM(path, kind string, der []byte) error {
	if err := files.Write(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		return errs.E(errs.Failed, "certificates: %w", err)
	}
	return nil
}
