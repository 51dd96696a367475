package main

import (
	"crypto/tls"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chatlab/src/client"
	"chatlab/src/errs"
	"chatlab/src/mtls"
	"chatlab/src/testkit"
	"chatlab/src/testkit/mtlstest"
)

func TestPublicListenerOverTLS(t *testing.T) {
	files := mtlstest.NewAuthority(t).Files(mtls.AuthPublic, "auth")
	a := start(t, "path: "+filepath.Join(t.TempDir(), "users.db"), "--tls.cert", files.Cert, "--tls.key", files.Key)
	addr := strings.TrimPrefix(a.url, "http://")

	// A client that makes no handshake holds nobody up.
	silent, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()

	roots, err := mtls.Roots(files.CA)
	if err != nil {
		t.Fatal(err)
	}
	auth, err := client.NewAuthOf(roots, "https://"+addr)
	if err != nil {
		t.Fatal(err)
	}
	defer auth.Close()
	testkit.Until(t, "ready", func() bool { return a.ready(t) })
	if err := auth.SignUp(t.Context(), "kim", "secret-1", "kim@example.org"); err != nil {
		t.Fatal(err)
	}
	if _, err := auth.Login(t.Context(), "kim", "secret-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS11}); err == nil { //nolint:gosec // it must be refused
		t.Error("TLS 1.1 is taken")
	}
	for url, want := range map[string]string{a.url: "https://", "https://" + addr: "--ca"} {
		strange, err := client.NewAuth(url)
		if err != nil {
			t.Fatal(err)
		}
		err = strange.Health(t.Context())
		if !errs.Is(err, errs.Unavailable) || !strings.Contains(errs.FixOf(err), want) {
			t.Errorf("%s: %v; fix %q", url, err, errs.FixOf(err))
		}
		strange.Close()
	}
}

func TestHTTPSToAServerWithoutTLS(t *testing.T) {
	a := start(t, "path: "+filepath.Join(t.TempDir(), "users.db"))
	auth, err := client.NewAuth("https://" + strings.TrimPrefix(a.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer auth.Close()
	if err := auth.Health(t.Context()); !strings.Contains(errs.FixOf(err), "http://") {
		t.Errorf("%v; fix %q", err, errs.FixOf(err))
	}
}
