package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"chatlab/src/app"
	"chatlab/src/errs"
	"chatlab/src/zbx"
)

// healthd runs the program until the test ends and returns where it serves.
func healthd(t *testing.T, args ...string) (address, ops string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r, w := io.Pipe()
	env := &app.Env{Name: "healthd", Args: append([]string{"--listen", "127.0.0.1:0", "--ops.listen", "127.0.0.1:0"}, args...),
		Stdout: io.Discard, Stderr: w}
	done := make(chan error, 1)
	go func() {
		err := run(ctx, env)
		_ = w.CloseWithError(err)
		done <- err
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("healthd: %v", err)
		}
	})
	lines := bufio.NewScanner(r)
	if !lines.Scan() {
		t.Fatalf("healthd said nothing: %v", lines.Err())
	}
	m := regexp.MustCompile(`addr=(\S+) ops=(\S+)`).FindStringSubmatch(lines.Text())
	if m == nil {
		t.Fatalf("healthd said %q", lines.Text())
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
	return m[1], m[2]
}

func TestNewFormAndMetrics(t *testing.T) {
	address, ops := healthd(t)
	if v, err := zbx.GetJSON(t.Context(), address, "agent.ping", time.Second); v != "1" || err != nil {
		t.Fatalf("got %q, %v", v, err)
	}
	if text := metricsOf(t, ops); !strings.Contains(text, `chatlab_health_checks_total{result="ok"} 1`) {
		t.Fatalf("the check was not counted in\n%s", text)
	}
}

// metricsOf returns the page of an ops listener.
func metricsOf(t *testing.T, ops string) string {
	t.Helper()
	conn, err := net.Dial("tcp", ops)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(conn, "GET /metrics HTTP/1.0\r\n\r\n")
	text, _ := io.ReadAll(conn)
	return string(text)
}

// command runs the program to its end.
func command(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	var stdout bytes.Buffer
	err = run(t.Context(), &app.Env{Name: "healthd", Args: args, Stdout: &stdout, Stderr: &stdout})
	return stdout.String(), err
}

func TestGetAndList(t *testing.T) {
	file := filepath.Join(t.TempDir(), "healthd.yml")
	if err := os.WriteFile(file, []byte("services:\n  logd: ['127.0.0.1:1']\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile("testdata/list.golden")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		args   []string
		out    string
		status int
	}{
		"get":          {[]string{"get", "agent.ping"}, "1\n", 0},
		"get, flag":    {[]string{"get", "--config", file, "chatlab.up[logd]"}, "0\n", 0},
		"get, after":   {[]string{"get", "chatlab.up[logd]", "--config=" + file}, "0\n", 0},
		"get unknown":  {[]string{"get", "nope"}, "", 1},
		"get nothing":  {[]string{"get"}, "", 2},
		"get two":      {[]string{"get", "agent.ping", "agent.version"}, "", 2},
		"send nothing": {[]string{"send", "--active.servers", "127.0.0.1:1"}, "", 2},
		"send nowhere": {[]string{"send", "agent.ping"}, "", 2},
		"send to what": {[]string{"send", "agent.ping", "--active.servers", "here"}, "", 2},
		"send, away":   {[]string{"send", "agent.ping", "--active.servers", "127.0.0.1:1"}, "", 1},
		"send unknown": {[]string{"send", "nope", "--active.servers", "127.0.0.1:1"}, "", 1},
		"no TLS files": {[]string{"--tls.ca", "/nowhere"}, "", 2},
		"list":         {[]string{"list"}, string(golden), 0},
		"unknown flag": {[]string{"--lissen", "x"}, "", 2},
		"nobody":       {[]string{"--allow", ""}, "", 2},
		"bad service":  {[]string{"--services.auth", "here"}, "", 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			out, err := command(t, tt.args...)
			if app.ExitStatus(err) != tt.status || out != tt.out {
				t.Fatalf("status %d (%v), output %q; want %d, %q", app.ExitStatus(err), err, out, tt.status, tt.out)
			}
		})
	}
	if _, err := command(t, "get", "nope"); errs.FixOf(err) == "" {
		t.Error("an unknown key comes without a hint")
	}
}

func TestTheVersionIsOneLine(t *testing.T) {
	var out bytes.Buffer
	env := &app.Env{Name: "healthd", Args: []string{"--version"}, Stdout: &out, Stderr: &out}
	if err := run(t.Context(), env); err != nil || out.String() != "healthd "+app.Version()+"\n" {
		t.Errorf("%v: %q", err, out.String())
	}
}
