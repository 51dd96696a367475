package pki_test

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"chatlab/src/lab/pki"
	"chatlab/src/mtls"
)

var start = time.Now()

func open(t *testing.T, dir string, now time.Time) *pki.Authority {
	t.Helper()
	ca, err := pki.Open(dir, now)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// logServer is the certificate of a log server.
func logServer(hosts ...string) pki.Certificate {
	return pki.Certificate{Name: "logd", Subject: pki.Subject{Role: mtls.Logd, Node: "log", Server: true, Hosts: hosts}}
}

var operator = pki.Certificate{Name: "operator", Subject: pki.Subject{Role: mtls.Operator, Node: "lab", Client: true}}

func ensure(t *testing.T, ca *pki.Authority, c pki.Certificate, now time.Time) bool {
	t.Helper()
	renewed, err := ca.Ensure(c, now)
	if err != nil {
		t.Fatal(err)
	}
	return renewed
}

func files(dir, name string) mtls.Files {
	return mtls.Files{
		CA:   filepath.Join(dir, "ca.pem"),
		Cert: filepath.Join(dir, name+".pem"), Key: filepath.Join(dir, name+".key"),
	}
}

func TestBothSidesProveThemselves(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	for _, d := range []string{dir, other} {
		ca := open(t, d, start)
		ensure(t, ca, logServer("log", "127.0.0.1"), start)
		elsewhere := logServer("127.0.0.9")
		elsewhere.Name = "elsewhere"
		ensure(t, ca, elsewhere, start)
		ensure(t, ca, operator, start)
	}
	tests := map[string]struct {
		server, client mtls.Files
		works          bool
	}{
		"one lab":                   {files(dir, "logd"), files(dir, "operator"), true},
		"another address":           {files(dir, "elsewhere"), files(dir, "operator"), false},
		"a client of another lab":   {files(dir, "logd"), mtls.Files{CA: files(dir, "operator").CA, Cert: files(other, "operator").Cert, Key: files(other, "operator").Key}, false},
		"a server of another lab":   {files(other, "logd"), files(dir, "operator"), false},
		"the same, other way round": {files(other, "logd"), files(other, "operator"), true},
		"a server as a client":      {files(dir, "logd"), files(dir, "elsewhere"), false},
		"a client as a server":      {files(dir, "operator"), files(dir, "operator"), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if err := handshake(t, tt.server, tt.client); (err == nil) != tt.works {
				t.Errorf("handshake: %v, want it to work: %v", err, tt.works)
			}
		})
	}
}

// handshake returns the first error of either side.
func handshake(t *testing.T, server, client mtls.Files) error {
	t.Helper()
	sc, err := mtls.Server(server, mtls.Operator, mtls.Logd)
	if err != nil {
		t.Fatal(err)
	}
	cc, err := mtls.Client(client, mtls.Logd, mtls.Operator)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", sc)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	result := make(chan error, 1)
	go func() {
		conn, err := ln.Accept()
		if err == nil {
			err = conn.(*tls.Conn).Handshake()
			defer conn.Close()
		}
		result <- err
	}()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", ln.Addr().String(), cc)
	if err == nil {
		defer conn.Close()
	}
	if serverErr := <-result; err == nil {
		err = serverErr
	}
	return err
}

func TestCertificatesAreRenewedWhenTheyMustBe(t *testing.T) {
	dir := t.TempDir()
	ca := open(t, dir, start)
	with := func(change func(*pki.Certificate)) pki.Certificate {
		c := logServer("log", "127.0.0.1")
		change(&c)
		return c
	}
	same := func(*pki.Certificate) {}
	path := filepath.Join(dir, "logd.pem")
	ensure(t, ca, with(same), start)
	steps := []struct {
		name    string
		do      func()
		change  func(*pki.Certificate)
		at      time.Time
		renewed bool
	}{
		{"nothing changed", func() {}, same, start, false},
		{"half a year later", func() {}, same, start.AddDate(0, 6, 0), false},
		{"near the end", func() {}, same, start.AddDate(0, 11, 0), true},
		{"another address", func() {}, func(c *pki.Certificate) { c.Hosts = []string{"log", "127.0.0.2"} }, start.AddDate(0, 11, 0), true},
		{"another node", func() {}, func(c *pki.Certificate) { c.Node = "auth" }, start.AddDate(0, 11, 0), true},
		{"another role", func() {}, func(c *pki.Certificate) { c.Role = mtls.Healthd }, start.AddDate(0, 11, 0), true},
		{"another side", func() {}, func(c *pki.Certificate) { c.Client = true }, start.AddDate(0, 11, 0), true},
		{"one side less", func() {}, same, start.AddDate(0, 11, 0), true},
		{"key is gone", func() { os.Remove(filepath.Join(dir, "logd.key")) }, same, start.AddDate(0, 11, 0), true},
		{"torn file", func() { os.WriteFile(path, []byte("-----BEGIN"), 0o600) }, same, start.AddDate(0, 11, 0), true},
		{"key of another", func() { copyFile(t, filepath.Join(dir, "ca.key"), filepath.Join(dir, "logd.key")) }, same, start.AddDate(0, 11, 0), true},
		{"of before roles", func() { withoutRole(t, dir, "logd") }, same, start, true},
	}
	for _, s := range steps {
		s.do()
		if got := ensure(t, ca, with(s.change), s.at); got != s.renewed {
			t.Errorf("%s: renewed %v, want %v", s.name, got, s.renewed)
		}
	}
}

// withoutRole replaces a pair by one of the same authority for both sides of a
// connection, as labs had it before certificates named roles.
func withoutRole(t *testing.T, dir, name string) {
	t.Helper()
	signer, err := tls.LoadX509KeyPair(filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca.key"))
	if err != nil {
		t.Fatal(err)
	}
	old, err := tls.LoadX509KeyPair(filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key"))
	if err != nil {
		t.Fatal(err)
	}
	template := *old.Leaf
	template.URIs = nil
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	der, err := x509.CreateCertificate(rand.Reader, &template, signer.Leaf, old.Leaf.PublicKey, signer.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(filepath.Join(dir, name+".pem"), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestANewCAMakesNewCertificates(t *testing.T) {
	dir := t.TempDir()
	ensure(t, open(t, dir, start), operator, start)
	again := open(t, dir, start.AddDate(1, 0, 0))
	if !ensure(t, again, operator, start.AddDate(1, 0, 0)) {
		t.Error("an expired certificate was kept")
	}
	before, _ := os.ReadFile(filepath.Join(dir, "ca.pem"))
	late := start.AddDate(9, 6, 0)
	ca := open(t, dir, late)
	after, _ := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if string(before) == string(after) {
		t.Error("a CA near its end was kept")
	}
	if !ensure(t, ca, operator, late) {
		t.Error("a certificate of the old CA was kept")
	}
}

func TestFilesAreForTheirOwnerOnlyAndECDSAP256(t *testing.T) {
	dir := t.TempDir()
	ensure(t, open(t, dir, start), logServer("127.0.0.1"), start)
	for _, name := range []string{"ca.pem", "ca.key", "logd.pem", "logd.key"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
	text, _ := os.ReadFile(filepath.Join(dir, "logd.pem"))
	block, _ := pem.Decode(text)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil || cert.SignatureAlgorithm != x509.ECDSAWithSHA256 || cert.IsCA || len(cert.IPAddresses) != 1 {
		t.Errorf("%v %v", err, cert)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
