package pki_test

import (
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

func ensure(t *testing.T, ca *pki.Authority, name string, hosts []string, now time.Time) bool {
	t.Helper()
	renewed, err := ca.Ensure(name, hosts, now)
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
		ensure(t, ca, "logd", []string{"log", "127.0.0.1"}, start)
		ensure(t, ca, "elsewhere", []string{"127.0.0.9"}, start)
		ensure(t, ca, "lab", []string{"lab"}, start)
	}
	tests := map[string]struct {
		server, client mtls.Files
		works          bool
	}{
		"one lab":                   {files(dir, "logd"), files(dir, "lab"), true},
		"another address":           {files(dir, "elsewhere"), files(dir, "lab"), false},
		"a client of another lab":   {files(dir, "logd"), mtls.Files{CA: files(dir, "lab").CA, Cert: files(other, "lab").Cert, Key: files(other, "lab").Key}, false},
		"a server of another lab":   {files(other, "logd"), files(dir, "lab"), false},
		"the same, other way round": {files(other, "logd"), files(other, "lab"), true},
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
	sc, err := mtls.Server(server)
	if err != nil {
		t.Fatal(err)
	}
	cc, err := mtls.Client(client)
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
	hosts := []string{"log", "127.0.0.1"}
	ensure(t, ca, "logd", hosts, start)
	steps := []struct {
		name    string
		do      func()
		hosts   []string
		at      time.Time
		renewed bool
	}{
		{"nothing changed", func() {}, hosts, start, false},
		{"half a year later", func() {}, hosts, start.AddDate(0, 6, 0), false},
		{"near the end", func() {}, hosts, start.AddDate(0, 11, 0), true},
		{"another address", func() {}, []string{"log", "127.0.0.2"}, start.AddDate(0, 11, 0), true},
		{"key is gone", func() { os.Remove(filepath.Join(dir, "logd.key")) }, []string{"log"}, start.AddDate(0, 11, 0), true},
		{"torn file", func() { os.WriteFile(filepath.Join(dir, "logd.pem"), []byte("-----BEGIN"), 0o600) }, []string{"log"}, start.AddDate(0, 11, 0), true},
		{"key of another", func() { copyFile(t, filepath.Join(dir, "ca.key"), filepath.Join(dir, "logd.key")) }, []string{"log"}, start.AddDate(0, 11, 0), true},
	}
	for _, s := range steps {
		s.do()
		if got := ensure(t, ca, "logd", s.hosts, s.at); got != s.renewed {
			t.Errorf("%s: renewed %v, want %v", s.name, got, s.renewed)
		}
	}
}

func TestANewCAMakesNewCertificates(t *testing.T) {
	dir := t.TempDir()
	ensure(t, open(t, dir, start), "lab", []string{"lab"}, start)
	again := open(t, dir, start.AddDate(1, 0, 0))
	if !ensure(t, again, "lab", []string{"lab"}, start.AddDate(1, 0, 0)) {
		t.Error("an expired certificate was kept")
	}
	before, _ := os.ReadFile(filepath.Join(dir, "ca.pem"))
	late := start.AddDate(9, 6, 0)
	ca := open(t, dir, late)
	after, _ := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if string(before) == string(after) {
		t.Error("a CA near its end was kept")
	}
	if !ensure(t, ca, "lab", []string{"lab"}, late) {
		t.Error("a certificate of the old CA was kept")
	}
}

func TestFilesAreForTheirOwnerOnlyAndECDSAP256(t *testing.T) {
	dir := t.TempDir()
	ensure(t, open(t, dir, start), "logd", []string{"127.0.0.1"}, start)
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
