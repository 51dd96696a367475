package pki_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/ferret"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/pki"
	"chatlab/src/logd"
	"chatlab/src/mtls"
	"chatlab/src/testkit/logdtest"
)

// listener is one that a certificate is tried at.
type listener struct {
	role mtls.Role
	try  func(t *testing.T, f mtls.Files) error // nil: admitted
}

// TestEveryCertificateAtEveryListener tries all certificates of a lab, those of another
// lab, and one that has ended.
func TestEveryCertificateAtEveryListener(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	plan := planOfAll(t)
	for _, d := range []string{dir, other} {
		ca := open(t, d, start)
		for _, c := range plan {
			c.Hosts = slices.Concat(c.Hosts, hostsOf(c))
			ensure(t, ca, c, start)
		}
	}
	ended := open(t, dir, start)
	for _, l := range listeners(t, dir) {
		for _, c := range plan {
			t.Run(string(l.role)+" "+c.Name, func(t *testing.T) {
				want := c.Client && slices.Contains(mtls.Admitted(l.role), c.Role)
				if err := l.try(t, files(dir, c.Name)); (err == nil) != want {
					t.Errorf("admitted is %v, want %v: %v", err == nil, want, err)
				}
				foreign := files(other, c.Name)
				foreign.CA = files(dir, c.Name).CA // it trusts the server
				if err := l.try(t, foreign); err == nil {
					t.Error("admitted, though of another lab")
				}
				old := c
				old.Name = "ended"
				if err := ended.Issue(old, start.AddDate(-1, 0, -2)); err != nil {
					t.Fatal(err)
				}
				if err := l.try(t, files(dir, "ended")); err == nil {
					t.Error("admitted, though it has ended")
				}
			})
		}
	}
}

// hostsOf makes a server's certificate good for the listeners of the test.
func hostsOf(c pki.Certificate) []string {
	if c.Server {
		return []string{"127.0.0.1"}
	}
	return nil
}

// planOfAll is the plan of several of each service, and Zabbix.
func planOfAll(t *testing.T) []pki.Certificate {
	t.Helper()
	inv, err := inventory.Load("../../../ansible/inventories/ha")
	if err != nil {
		t.Fatal(err)
	}
	return pki.Plan(inv)
}

func listeners(t *testing.T, dir string) []listener {
	t.Helper()
	out := []listener{
		{mtls.Logd, serveLogd(t, files(dir, "log-logd"))},
		{mtls.MongoDB, serveMongoDB(t, files(dir, "log-mongodb"))},
	}
	// These are of other packages' protocols; their configuration is the same function's.
	for role, name := range map[mtls.Role]string{mtls.Healthd: "log-healthd", mtls.Chatd: "chat-chatd", mtls.Authd: "auth-authd"} {
		out = append(out, listener{role, serveTLS(t, role, files(dir, name))})
	}
	return out
}

// until runs a server until the test ends.
func until(t *testing.T, serve func(context.Context) error) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func serveLogd(t *testing.T, f mtls.Files) func(*testing.T, mtls.Files) error {
	t.Helper()
	s, err := logd.Listen("127.0.0.1:0", f, logdtest.NewMemory(), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	until(t, s.Serve)
	return func(t *testing.T, f mtls.Files) error { return greeted(t, s.Addr(), mtls.Logd, f) }
}

func serveMongoDB(t *testing.T, f mtls.Files) func(*testing.T, mtls.Files) error {
	t.Helper()
	d, err := ferret.ListenTLS("127.0.0.1:0", t.TempDir(), f, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	until(t, d.Serve)
	return func(t *testing.T, f mtls.Files) error { return spoken(t, d.Addr(), mtls.MongoDB, f, mongoPing()) }
}

// mongoPing is the message {ping: 1, $db: "admin"}.
func mongoPing() []byte {
	le := binary.LittleEndian
	doc := append(le.AppendUint32([]byte("\x10ping\x00"), 1), "\x02$db\x00\x06\x00\x00\x00admin\x00\x00"...)
	doc = append(le.AppendUint32(nil, uint32(len(doc)+4)), doc...) //nolint:gosec // short
	body := append([]byte{0, 0, 0, 0, 0}, doc...)
	var out []byte
	for _, n := range []uint32{uint32(len(body) + 16), 1, 0, 2013} { //nolint:gosec // short
		out = le.AppendUint32(out, n)
	}
	return append(out, body...)
}

// serveTLS greets whomever the listener of a role admits.
func serveTLS(t *testing.T, role mtls.Role, f mtls.Files) func(*testing.T, mtls.Files) error {
	t.Helper()
	config, err := mtls.Server(f, mtls.Admitted(role)...)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	until(t, func(ctx context.Context) error {
		defer context.AfterFunc(ctx, func() { _ = ln.Close() })()
		var conns sync.WaitGroup
		defer conns.Wait()
		for {
			c, err := ln.Accept()
			if err != nil {
				return nil //nolint:nilerr // closed
			}
			conns.Go(func() {
				_, _ = io.WriteString(c, "hello\n")
				_ = c.Close()
			})
		}
	})
	return func(t *testing.T, f mtls.Files) error { return greeted(t, ln.Addr().String(), role, f) }
}

// dial connects to the listener of a role.
func dial(t *testing.T, addr string, role mtls.Role, f mtls.Files) (net.Conn, error) {
	t.Helper()
	config, err := mtls.Client(f, role)
	if err != nil {
		t.Fatal(err)
	}
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: 20 * time.Second}, "tcp", addr, config)
	if err != nil {
		return nil, err
	}
	return c, c.SetDeadline(time.Now().Add(20 * time.Second))
}

// greeted returns why a listener that greets does not.
func greeted(t *testing.T, addr string, role mtls.Role, f mtls.Files) error {
	t.Helper()
	return spoken(t, addr, role, f, nil)
}

// spoken returns why a listener does not answer a request.
func spoken(t *testing.T, addr string, role mtls.Role, f mtls.Files, request []byte) error {
	t.Helper()
	c, err := dial(t, addr, role, f)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if _, err = c.Write(request); err == nil {
		_, err = c.Read(make([]byte, 1))
	}
	return err
}

// TestEveryCertificateAsAServer has clients of each role look at every certificate.
func TestEveryCertificateAsAServer(t *testing.T) {
	dir, plan := t.TempDir(), planOfAll(t)
	ca := open(t, dir, start)
	for _, c := range plan {
		c.Hosts = []string{"127.0.0.1"}
		ensure(t, ca, c, start)
	}
	for _, c := range plan {
		config, err := mtls.Server(files(dir, c.Name), mtls.Admitted(mtls.Logd)...)
		if err != nil {
			t.Fatal(err)
		}
		for _, role := range []mtls.Role{mtls.Authd, mtls.Chatd, mtls.Logd, mtls.MongoDB, mtls.Healthd, mtls.ZabbixServer} {
			client, err := mtls.Client(files(dir, pki.OperatorName), role)
			if err != nil {
				t.Fatal(err)
			}
			client.ServerName = "127.0.0.1"
			here, there := net.Pipe()
			go func() {
				_ = tls.Server(there, config).Handshake()
				_ = there.Close()
			}()
			err = tls.Client(here, client).Handshake()
			if want := c.Server && c.Role == role; (err == nil) != want {
				t.Errorf("%s for a client of %s: %v, want accepted %v", filepath.Base(c.Name), role, err, want)
			}
			_ = here.Close()
		}
	}
}
