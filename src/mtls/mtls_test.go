package mtls_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/mtls"
	"chatlab/src/testkit/mtlstest"
)

// outcome is what both sides see of one connection.
type outcome struct{ server, client error }

// connect shakes hands and reads the server's greeting: in TLS 1.3 a client learns
// from its first read that it was refused.
func connect(t *testing.T, server, client *tls.Config) outcome {
	t.Helper()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	done := make(chan error, 1)
	go func() {
		conn, err := ln.Accept()
		if err == nil {
			defer func() { _ = conn.Close() }()
			if err = conn.(*tls.Conn).Handshake(); err == nil {
				_, err = io.WriteString(conn, "hello")
			}
		}
		done <- err
	}()
	var out outcome
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	conn, err := tls.DialWithDialer(dialer, "tcp", ln.Addr().String(), client)
	if out.client = err; err == nil {
		_, out.client = io.ReadFull(conn, make([]byte, 5))
		_ = conn.Close()
	}
	out.server = <-done
	return out
}

func configs(t *testing.T, server, client mtls.Files) (*tls.Config, *tls.Config) {
	t.Helper()
	sc, err := mtls.Server(server, mtls.AuthdLogger, mtls.ChatdLogger)
	if err != nil {
		t.Fatal(err)
	}
	cc, err := mtls.Client(client, mtls.Logd)
	if err != nil {
		t.Fatal(err)
	}
	return sc, cc
}

func TestBothSidesCheckTheRole(t *testing.T) {
	ca, other := mtlstest.NewAuthority(t), mtlstest.NewAuthority(t)
	logd, logger := ca.Files(mtls.Logd, "log"), ca.Files(mtls.AuthdLogger, "auth")
	changed := func(change func(*x509.Certificate)) mtls.Files { return ca.Changed(mtls.ChatdLogger, "chat", change) }
	only := func(usage x509.ExtKeyUsage) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{usage} }
	}
	stranger := other.Files(mtls.AuthdLogger, "auth")
	stranger.CA = logger.CA
	tests := map[string]struct {
		server, client mtls.Files
		says           string // of the side that refuses
		server1        bool   // the server refuses
	}{
		"as it should be":       {logd, logger, "", false},
		"a client's wrong role": {logd, ca.Files(mtls.Healthd, "log"), "chatlab://healthd/log; its role must be authd-logger or chatd-logger", true},
		"a server's wrong role": {ca.Files(mtls.Healthd, "auth"), logger, "chatlab://healthd/auth; its role must be logd", false},
		"a client of no role":   {logd, changed(func(c *x509.Certificate) { c.URIs = nil }), "names 0 roles", true},
		"a client of two": {logd, ca.Changed(mtls.Operator, "two", func(c *x509.Certificate) {
			c.URIs = append(c.URIs, mtls.Identity{Role: mtls.AuthdLogger, Node: "auth"}.URI())
		}), "names 2 roles", true},
		"a foreign URI": {logd, ca.Changed(mtls.Operator, "foreign", func(c *x509.Certificate) {
			c.URIs = []*url.URL{{Scheme: "https", Host: "authd-logger", Path: "/auth"}}
		}), "names 0 roles", true},
		"an expired client":                    {logd, ca.Changed(mtls.AuthdLogger, "old", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), "expired", true},
		"a server's certificate as a client's": {logd, ca.Changed(mtls.AuthdLogger, "server", only(x509.ExtKeyUsageServerAuth)), "incompatible key usage", true},
		"a client's certificate as a server's": {ca.Changed(mtls.Logd, "client", only(x509.ExtKeyUsageClientAuth)), logger, "incompatible key usage", false},
		"a server of another node":             {ca.Changed(mtls.Logd, "away", func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 9)} }), logger, "not 127.0.0.1", false},
		"a client of another CA":               {logd, stranger, "unknown authority", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := connect(t, first(configs(t, tt.server, tt.client)), second(configs(t, tt.server, tt.client)))
			refuses := got.client
			if tt.server1 {
				refuses = got.server
			}
			switch {
			case tt.says == "" && (got.server != nil || got.client != nil):
				t.Errorf("server %v, client %v", got.server, got.client)
			case tt.says != "" && (got.server == nil || got.client == nil || !strings.Contains(refuses.Error(), tt.says)):
				t.Errorf("server %v, client %v; want %q", got.server, got.client, tt.says)
			}
			if tt.server1 {
				told := mtls.Explain(tt.client, got.client)
				if !errs.Is(told, errs.Unavailable) || !strings.Contains(told.Error(), tt.client.Cert) || errs.FixOf(told) == "" {
					t.Errorf("the client reads %v, fix %q", told, errs.FixOf(told))
				}
			}
		})
	}
}

func first(a, _ *tls.Config) *tls.Config  { return a }
func second(_, b *tls.Config) *tls.Config { return b }

func TestAStrangerWithoutACertificate(t *testing.T) {
	ca := mtlstest.NewAuthority(t)
	sc, _ := configs(t, ca.Files(mtls.Logd, "log"), ca.Files(mtls.AuthdLogger, "auth"))
	got := connect(t, sc, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}) //nolint:gosec // the server must refuse it
	if got.server == nil || got.client == nil {
		t.Errorf("server %v, client %v", got.server, got.client)
	}
}

// A certificate is read for each handshake: a renewed one needs no restart.
func TestRenewalIsSeenByTheNextHandshake(t *testing.T) {
	ca := mtlstest.NewAuthority(t)
	end := func(d time.Duration) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotAfter = time.Now().Add(d) }
	}
	server, client := ca.Files(mtls.Logd, "log"), ca.Changed(mtls.AuthdLogger, "auth", end(-time.Second))
	sc, cc := configs(t, server, client)
	if got := connect(t, sc, cc); got.server == nil {
		t.Fatal("an expired certificate was admitted")
	}
	ca.Changed(mtls.AuthdLogger, "auth", end(time.Minute)) // the same files
	if got := connect(t, sc, cc); got.server != nil || got.client != nil {
		t.Errorf("renewed: server %v, client %v", got.server, got.client)
	}
	ca.Changed(mtls.AuthdLogger, "auth", end(-time.Second))
	if got := connect(t, sc, cc); got.server == nil {
		t.Error("a certificate that has ended since was admitted")
	}
}

func TestOnePeerCannotTakeAllPlaces(t *testing.T) {
	p := mtls.NewPlaces(5, 3)
	kim, lee := mtls.Identity{Role: mtls.AuthdLogger, Node: "a"}, mtls.Identity{Role: mtls.AuthdLogger, Node: "b"}
	enter := func(peer mtls.Identity, admitted bool) {
		t.Helper()
		if err := p.Enter(peer); (err == nil) != admitted || err != nil && !errs.Is(err, errs.Unavailable) {
			t.Errorf("%s: %v, want admitted %v", peer, err, admitted)
		}
	}
	for range 3 {
		enter(kim, true)
	}
	enter(kim, false)
	enter(lee, true)
	enter(lee, true)
	enter(lee, false)
	p.Leave(kim)
	enter(lee, true)
	p.Leave(lee)
	enter(kim, true)
}

func TestRefusalsAreSaidOncePerPeer(t *testing.T) {
	var out bytes.Buffer
	r := mtls.NewRefusals(slog.New(slog.NewTextHandler(&out, nil)))
	for _, port := range []int{1, 2, 3} {
		r.Say(fmt.Sprint("10.0.0.1:", port), os.ErrClosed)
	}
	r.Say(fmt.Sprint("10.0.0.2:", 1), os.ErrClosed)
	if n := strings.Count(out.String(), "connection refused"); n != 2 || !strings.Contains(out.String(), "others=2") {
		t.Errorf("%d lines:\n%s", n, out.String())
	}
	for i := range 5000 {
		r.Say(fmt.Sprintf("10.1.%d.%d:1", i>>8, i&255), os.ErrClosed)
	}
	if n := strings.Count(out.String(), "connection refused"); n > 1024 {
		t.Errorf("%d lines in a minute", n)
	}
}
