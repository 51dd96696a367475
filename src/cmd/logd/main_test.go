package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"chatlab/src/app"
	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/ferret"
	"chatlab/src/mongodb"
	"chatlab/src/mtls"
	"chatlab/src/testkit"
	"chatlab/src/testkit/mtlstest"
)

func serveDB(t *testing.T, addr, dir string) (stop func()) {
	t.Helper()
	db, err := ferret.Listen(addr, dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- db.Serve(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func ready(ops string) (status int, reason string) {
	res, err := http.Get("http://" + ops + "/readyz")
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	body, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(body)
}

func TestStoresWhatIsRelayedAndWaitsForItsDatabase(t *testing.T) {
	dir := t.TempDir()
	listen, ops, db := testkit.FreeAddr(t), testkit.FreeAddr(t), testkit.FreeAddr(t)
	ca := mtlstest.NewAuthority(t)
	files := ca.Files(mtls.Logd, "log")
	path := filepath.Join(dir, "logd.yaml")
	text := fmt.Sprintf("listen: %s\nops:\n  listen: %s\nlog_level: error\ntls:\n  ca: %s\n  cert: %s\n  key: %s\nmongodb:\n  uri: mongodb://%s/\n  database: events\n",
		listen, ops, files.CA, files.Cert, files.Key, db)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	var out bytes.Buffer
	go func() {
		done <- run(ctx, &app.Env{Name: "logd", Args: []string{"--config", path}, Stdout: &out, Stderr: &out})
	}()

	testkit.Until(t, "not ready without a database", func() bool {
		status, reason := ready(ops)
		return status == http.StatusServiceUnavailable && strings.Contains(reason, "log database away")
	})
	config, err := mtls.Client(ca.Files(mtls.AuthdLogger, "auth"), mtls.Logd)
	if err != nil {
		t.Fatal(err)
	}
	c, err := tls.Dial("tcp", listen, config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	e := event.Event{ID: event.NewID(time.Now()), Server: "auth", Category: "signup", Subject: "kim", Data: "success"}
	if _, err := c.Write(event.Append(nil, e)); err != nil {
		t.Fatal(err)
	}
	serveDB(t, db, filepath.Join(dir, "db"))
	for br := bufio.NewReader(c); ; {
		line, err := br.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line == "ack 1\n" {
			break
		}
	}
	testkit.Until(t, "ready", func() bool { status, _ := ready(ops); return status == http.StatusOK })
	log, err := mongodb.Open(mongodb.Config{URI: "mongodb://" + db + "/", Database: "events"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	n := 0
	for rec, err := range log.Find(t.Context(), mongodb.Filter{}, event.ID{}) {
		if n++; err != nil || rec.Event != e || !rec.Exact {
			t.Errorf("stored %+v, %v", rec, err)
		}
	}
	if n != 1 {
		t.Errorf("%d events stored, want 1", n)
	}
	stop()
	if err := <-done; err != nil {
		t.Fatalf("run: %v\n%s", err, out.String())
	}
}

func TestMistakesAreUsageErrors(t *testing.T) {
	files := mtlstest.NewAuthority(t).Files(mtls.Logd, "log")
	good := []string{"--listen", "127.0.0.1:0", "--ops.listen", "127.0.0.1:0", "--tls.ca", files.CA, "--tls.cert", files.Cert, "--tls.key", files.Key}
	for name, args := range map[string][]string{
		"no certificates": {"--ops.listen", "127.0.0.1:0"},
		"unknown flag":    append(good[:len(good):len(good)], "--mongo.uri=x"),
		"password in URI": append(good[:len(good):len(good)], "--mongodb.uri=mongodb://kim:secret@127.0.0.1:1/"),
		"no password":     append(good[:len(good):len(good)], "--mongodb.user=kim"),
		"address":         append(good[:len(good):len(good)], "--listen=nowhere"),
		"no trimmer":      append(good[:len(good):len(good)], "--retention.events=1", "--trimmer.user=kim"),
		"retention":       append(good[:len(good):len(good)], "--retention.events=-1"),
		"ops address":     append(good[:len(good):len(good)], "--ops.listen=nowhere"),
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			err := run(t.Context(), &app.Env{Name: "logd", Args: args, Stdout: &out, Stderr: &out})
			if !errs.Is(err, errs.Usage) || strings.Contains(err.Error()+out.String(), "secret") {
				t.Fatalf("error %v, want code usage without the password", err)
			}
		})
	}
}
