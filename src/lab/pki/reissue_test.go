package pki_test

import (
	"crypto/x509"
	"encoding/pem"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab/pki"
)

func TestAReissuedCertificateHasOtherTimesOnly(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	ensure(t, open(t, dir, now), logServer("log", "127.0.0.1"), now)
	certPEM, keyPEM, err := pki.Reissue(dir, "logd", now.Add(-48*time.Hour), now.Add(-24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	was, is := certificate(t, mustRead(t, filepath.Join(dir, "logd.pem"))), certificate(t, certPEM)
	if is.Subject.String() != was.Subject.String() || is.VerifyHostname("log") != nil || is.VerifyHostname("127.0.0.1") != nil || !slices.EqualFunc(is.URIs, was.URIs, func(a, b *url.URL) bool { return a.String() == b.String() }) {
		t.Errorf("%s for %v, was %s for %v", is.Subject, is.DNSNames, was.Subject, was.DNSNames)
	}
	if !is.NotAfter.Before(now) || len(keyPEM) == 0 {
		t.Errorf("valid until %s", is.NotAfter)
	}
	ca := certificate(t, mustRead(t, filepath.Join(dir, "ca.pem")))
	if err := is.CheckSignatureFrom(ca); err != nil {
		t.Error(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	if _, err := is.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err == nil {
		t.Error("it is valid now")
	}
}

func TestWhatIsNotThereCannotBeReissued(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	if _, _, err := pki.Reissue(dir, "logd", now, now); !errs.Is(err, errs.NotFound) {
		t.Errorf("without a CA: %v", err)
	}
	open(t, dir, now)
	if _, _, err := pki.Reissue(dir, "logd", now, now); !errs.Is(err, errs.NotFound) {
		t.Errorf("without the certificate: %v", err)
	}
}

func certificate(t *testing.T, text []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatal("no PEM block")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
