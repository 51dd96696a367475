package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/app"
	"chatlab/src/errs"
	"chatlab/src/logd"
	"chatlab/src/mtls"
	"chatlab/src/testkit"
	"chatlab/src/testkit/logdtest"
	"chatlab/src/testkit/mtlstest"
)

// The test binary is the logger, too, and a server that emits events.
func TestMain(m *testing.M) {
	switch os.Getenv("TEST_ROLE") {
	case "logger":
		os.Exit(app.Main("logger", run))
	case "emitter":
		os.Exit(app.Main("emitter", emit))
	}
	os.Exit(m.Run())
}

// configFile writes a logger's configuration and returns its path.
func configFile(t *testing.T, dir string, files mtls.Files, logd string) string {
	t.Helper()
	path := filepath.Join(dir, "logger.yaml")
	text := fmt.Sprintf("spool:\n  dir: %s/spool\n  max_bytes: 16777216\nlogd: [%q]\ntls:\n  ca: %s\n  cert: %s\n  key: %s\nlog_level: warn\n",
		dir, logd, files.CA, files.Cert, files.Key)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func serveLogd(t *testing.T, files mtls.Files, store logd.Store) string {
	t.Helper()
	s, err := logd.Listen("127.0.0.1:0", files, store, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return s.Addr()
}

// loggerCommand is a logger process of its own.
func loggerCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "TEST_ROLE=logger", "GORACE=atexit_sleep_ms=0")
	return cmd
}

func TestByHand(t *testing.T) {
	ca, store := mtlstest.NewAuthority(t), logdtest.NewMemory()
	config := configFile(t, t.TempDir(), ca.Files(mtls.AuthdLogger, "auth"), serveLogd(t, ca.Files(mtls.Logd, "log"), store))
	cmd := loggerCommand(t, "--config", config)
	cmd.Stdin = strings.NewReader("0/auth/signin/kim/success\n")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, err.(*exec.ExitError).Stderr)
	}
	if want := "ack 0\nack 1\n"; !strings.HasPrefix(string(out), want) {
		t.Errorf("answers %q, want %q", out, want)
	}
	all := store.All()
	if len(all) != 1 || all[0].Server != "auth" || all[0].Category != "signin" || all[0].Subject != "kim" || all[0].Data != "success" {
		t.Fatalf("stored %+v", all)
	}
}

func TestByHandWithoutALogServerOrAReader(t *testing.T) {
	ca, store := mtlstest.NewAuthority(t), logdtest.NewMemory()
	dir, files := t.TempDir(), ca.Files(mtls.ChatdLogger, "chat")
	shell := exec.Command("sh", "-c", `{ echo 0/chat/chat/kim/one; echo nonsense; echo 0/chat/chat/kim/two; } | "$0" --config "$1" >&-; echo $?`,
		os.Args[0], configFile(t, dir, files, "127.0.0.1:1"))
	shell.Env = append(os.Environ(), "TEST_ROLE=logger")
	var stderr bytes.Buffer
	shell.Stderr = &stderr
	out, err := shell.Output()
	if err != nil || string(out) != "1\n" {
		t.Fatalf("status %q, %v: %s", out, err, stderr.String())
	}
	for _, want := range []string{"logger: error: ", "1 lines were no events", "begins with neither"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("standard error lacks %q:\n%s", want, stderr.String())
		}
	}
	// The next logger relays what the first one could not.
	cmd := loggerCommand(t, "--config", configFile(t, dir, files, serveLogd(t, ca.Files(mtls.Logd, "log"), store)))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if all := store.All(); len(all) != 2 || all[0].Data != "one" || all[1].Data != "two" {
		t.Fatalf("stored %+v", all)
	}
}

func TestSignalEndsALoggerWhosePipeIsOpen(t *testing.T) {
	files := mtlstest.NewAuthority(t).Files(mtls.ChatdLogger, "chat")
	cmd := loggerCommand(t, "--config", configFile(t, t.TempDir(), files, "127.0.0.1:1"), "--ops.listen", "127.0.0.1:0")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	if _, err := in.Write([]byte("0/a/b/c/d\n")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len("ack 0\nack 1\n"))
	for n := 0; n < len(got); {
		more, err := out.Read(got[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += more
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("still running")
	}
}

func TestHelpTellsWhatItDoesByHand(t *testing.T) {
	var out bytes.Buffer
	env := &app.Env{Name: "logger", Args: []string{"--help"}, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out}
	if err := run(t.Context(), env); app.ExitStatus(err) != 0 {
		t.Fatal(err)
	}
	for _, want := range []string{"echo '0/auth/signin/kim/success' | logger", "within one second", "--spool.dir", "--logd"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("help lacks %q", want)
		}
	}
}

func TestMistakesAreUsageErrors(t *testing.T) {
	dir := t.TempDir()
	for name, args := range map[string][]string{
		"no spool":        {},
		"unknown flag":    {"--spool.dri", dir},
		"bad level":       {"--spool.dir", dir, "--log-level", "loud"},
		"no certificates": {"--spool.dir", dir, "--logd", "127.0.0.1:1"},
		"ops address":     {"--spool.dir", dir, "--ops.listen", "nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			env := &app.Env{Name: "logger", Args: args, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out}
			if err := run(t.Context(), env); !errs.Is(err, errs.Usage) {
				t.Fatalf("error %v, want code usage", err)
			}
		})
	}
}

func TestOpsListener(t *testing.T) {
	dir := t.TempDir()
	in, feed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	addr := testkit.FreeAddr(t)
	out := new(testkit.Buffer)
	env := &app.Env{Name: "logger", Args: []string{"--spool.dir", dir, "--ops.listen", addr}, Stdin: in, Stdout: out, Stderr: out}
	done := make(chan error, 1)
	go func() { done <- run(t.Context(), env) }()
	testkit.Until(t, "ready", func() bool {
		res, err := http.Get("http://" + addr + "/readyz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	_ = feed.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
