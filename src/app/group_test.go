package app_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"chatlab/src/app"
	"chatlab/src/errs"
	"chatlab/src/testkit"
)

func TestGroupStopsAllWhenOneEnds(t *testing.T) {
	boom := errors.New("boom")
	tests := map[string]struct {
		first error
		want  error
	}{"with an error": {boom, boom}, "without": {nil, nil}}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var g app.Group
			stopped := false
			g.Add("first", func(context.Context) error { return tt.first })
			g.Add("second", func(ctx context.Context) error {
				<-ctx.Done()
				stopped = true
				return ctx.Err()
			})
			if err := g.Run(t.Context()); !errors.Is(err, tt.want) {
				t.Fatalf("error = %v, want %v", err, tt.want)
			}
			if !stopped {
				t.Fatal("the second part was not stopped and waited for")
			}
		})
	}
}

// A daemon outlives the terminal that it was started from.
func TestADaemonGoesOnAfterSIGHUP(t *testing.T) {
	signal.Ignore(syscall.SIGHUP) // until the group listens, as it would end this program
	defer signal.Reset(syscall.SIGHUP)
	var said testkit.Buffer
	g := app.Group{Log: slog.New(slog.NewTextHandler(&said, nil))}
	ctx, stop := context.WithCancel(t.Context())
	began := make(chan struct{})
	g.Add("work", func(ctx context.Context) error {
		close(began)
		<-ctx.Done()
		return ctx.Err()
	})
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	<-began
	testkit.Until(t, "it is logged", func() bool {
		_ = syscall.Kill(os.Getpid(), syscall.SIGHUP)
		return strings.Contains(said.String(), "SIGHUP: goes on")
	})
	select {
	case err := <-done:
		t.Fatalf("it ended: %v", err)
	default:
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestOpsTellsWhyItIsNotReady(t *testing.T) {
	reason := errs.E(errs.Unavailable, "database away")
	var why error = reason
	ops, err := app.ListenOps("127.0.0.1:0", func(context.Context) error { return why })
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- ops.Serve(ctx) }()
	want := func(path string, status int, text string) {
		t.Helper()
		res, err := http.Get("http://" + ops.Addr() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		body, _ := io.ReadAll(res.Body)
		if res.StatusCode != status || !strings.Contains(string(body), text) {
			t.Errorf("%s: %d %q, want %d with %q", path, res.StatusCode, body, status, text)
		}
	}
	want("/healthz", 200, "ok")
	want("/readyz", 503, "database away")
	want("/metrics", 200, "go_goroutines")
	why = nil
	want("/readyz", 200, "ready")
	stop()
	if err := <-done; err != nil {
		t.Fatalf("serve: %v", err)
	}
}

func TestReportIsOneLineAndAHint(t *testing.T) {
	var out bytes.Buffer
	env := &app.Env{Name: "demo", Stderr: &out}
	app.Report(env, errs.E(errs.Usage, "no key").WithFix("run lab up"))
	if got, want := out.String(), "demo: error: no key\ndemo: hint: run lab up\n"; got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}
