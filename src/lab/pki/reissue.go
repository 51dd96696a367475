package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"time"

	"chatlab/src/errs"
)

// Reissue returns a certificate and its new key, in PEM, like the certificate NAME.pem of
// a folder with the lab's CA, but valid from one time to another: an expired one. It
// changes no file. Codes: not_found (no such pair, or no CA key), failed.
func Reissue(dir, name string, from, to time.Time) (certPEM, keyPEM []byte, err error) {
	ca, signer, err := read(dir, "ca")
	if err != nil {
		return nil, nil, errs.E(errs.NotFound, "lab CA in %s: %w", dir, err)
	}
	like, _, err := read(dir, name)
	if err != nil {
		return nil, nil, errs.E(errs.NotFound, "certificate %s in %s: %w", name, dir, err)
	}
	fail := func(err error) ([]byte, []byte, error) {
		return nil, nil, errs.E(errs.Failed, "certificate %s: %w", name, err)
	}
	template := *like
	template.NotBefore, template.NotAfter = from, to
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return fail(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fail(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, ca, &key.PublicKey, signer)
	if err != nil {
		return fail(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fail(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), nil
}
