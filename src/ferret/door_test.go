package ferret_test

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chatlab/src/ferret"
	"chatlab/src/mongodb"
	"chatlab/src/mtls"
	"chatlab/src/testkit"
	"chatlab/src/testkit/mtlstest"
)

// serveDoor runs the server in a folder whose path is too long for a socket's.
func serveDoor(t *testing.T, ca *mtlstest.Authority, said io.Writer) (addr, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), strings.Repeat("deep/", 30), "db")
	d, err := ferret.ListenTLS("127.0.0.1:0", dir, ca.Files(mtls.MongoDB, "log"), slog.New(slog.NewTextHandler(said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return d.Addr(), dir
}

func ping(t *testing.T, addr string, f mtls.Files) error {
	t.Helper()
	log, err := mongodb.Open(mongodb.Config{URI: "mongodb://" + addr + "/", TLS: f})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return log.Ping(ctx)
}

func TestOnlyLogServersAndTheOperatorReachTheLogDatabase(t *testing.T) {
	ca := mtlstest.NewAuthority(t)
	var said testkit.Buffer
	addr, dir := serveDoor(t, ca, &said)
	for _, role := range []mtls.Role{mtls.Logd, mtls.Operator} {
		if err := ping(t, addr, ca.Files(role, "log")); err != nil {
			t.Errorf("%s: %v", role, err)
		}
	}
	stranger := mtlstest.NewAuthority(t).Files(mtls.Logd, "log")
	stranger.CA = ca.Files(mtls.Operator, "log").CA
	for name, f := range map[string]mtls.Files{
		"healthd": ca.Files(mtls.Healthd, "log"), "a logger": ca.Files(mtls.AuthdLogger, "log"),
		"another lab": stranger, "nobody": {},
	} {
		if err := ping(t, addr, f); err == nil {
			t.Errorf("%s reaches the log database", name)
		}
	}
	if want := "chatlab://healthd/log; its role must be logd or operator"; !strings.Contains(said.String(), want) {
		t.Errorf("the log lacks %q:\n%s", want, said.String())
	}
	info, err := os.Stat(filepath.Join(dir, "socket"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the socket's folder: %v, %v", info, err)
	}
}

func TestASocketOfAKilledServerIsNoObstacle(t *testing.T) {
	dir, ca := t.TempDir(), mtlstest.NewAuthority(t)
	for range 2 { // the first never serves, and leaves its socket
		d, err := ferret.ListenTLS("127.0.0.1:0", dir, ca.Files(mtls.MongoDB, "log"), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		t.Cleanup(func() {
			stop()
			if err := d.Serve(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTheDoorEndsWithItsConnections(t *testing.T) {
	ca := mtlstest.NewAuthority(t)
	d, err := ferret.ListenTLS("127.0.0.1:0", t.TempDir(), ca.Files(mtls.MongoDB, "log"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Serve(ctx) }()
	config, err := mtls.Client(ca.Files(mtls.Operator, "lab"), mtls.MongoDB)
	if err != nil {
		t.Fatal(err)
	}
	c, err := tls.Dial("tcp", d.Addr(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Errorf("the connection goes on: %v", err)
	}
}
