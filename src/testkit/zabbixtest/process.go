// Package zabbixtest runs Zabbix's own programs for tests: agents, the server
// with a private database, and its API. Each listens on loopback only, keeps its
// files in a folder of the test, and ends with it; the system's services are
// left alone. A test whose program is not installed is skipped, saying so.
package zabbixtest

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatlab/src/testkit"
)

// patience is how long a program may take to start or stop.
const patience = 60 * time.Second

// packages are Debian's, by program.
var packages = map[string]string{
	"zabbix_get": "zabbix-server-mysql", "zabbix_server": "zabbix-server-mysql", "zabbix_sender": "zabbix-agent",
	"zabbix_agentd": "zabbix-agent", "zabbix_agent2": "zabbix-agent2", "php": "php-cli", "mariadb": "mariadb-client",
}

// Program returns the path of a program, or skips the test.
func Program(t testing.TB, name string) string {
	t.Helper()
	for _, path := range []string{name, "/usr/sbin/" + name, "/usr/bin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	t.Skipf("%s is not installed: it is in Debian's %s", name, packages[name])
	return ""
}

// Process is a program that runs until the test ends.
type Process struct {
	Addr string // where it listens
	PID  int

	name   string
	log    *testkit.Buffer
	exited chan struct{}
}

// Log returns what the program has printed.
func (p *Process) Log() string { return p.log.String() }

// start runs a program in a process group of its own, which dies with the test.
func start(t testing.TB, addr string, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{Addr: addr, name: filepath.Base(cmd.Path), log: &testkit.Buffer{}, exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.log, p.log
	// The program dies with the thread that started it, so that thread is kept.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
		close(p.exited)
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	p.PID = cmd.Process.Pid
	t.Cleanup(func() { p.Stop(t) })
	return p
}

// Stop ends the program and its children; nothing happens the second time.
func (p *Process) Stop(t testing.TB) {
	t.Helper()
	select {
	case <-p.exited:
		return
	default:
	}
	_ = syscall.Kill(p.PID, syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(patience):
		_ = syscall.Kill(-p.PID, syscall.SIGKILL)
		<-p.exited
		t.Errorf("%s did not stop\n%s", p.name, p.Log())
	}
}

// wait waits until ready says so; it fails when the program ends before.
func (p *Process) wait(t testing.TB, what string, ready func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return
		}
		select {
		case <-again.C:
		case <-p.exited:
			t.Fatalf("%s ended:\n%s", p.name, p.Log())
		case <-ctx.Done():
			t.Fatalf("%s: %s: %v\n%s", p.name, what, err, p.Log())
		}
	}
}

// Children returns the process ids of a program and all its children.
func (p *Process) Children(t testing.TB) []int {
	t.Helper()
	out := []int{p.PID}
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		at := bytes.LastIndexByte(text, ')')
		fields := strings.Fields(string(text[at+1:]))
		if at > 0 && len(fields) > 1 && fields[1] == itoa(p.PID) {
			out = append(out, atoi(filepath.Base(filepath.Dir(file))))
		}
	}
	return out
}

// FreeAddr returns a loopback address that nobody listened on a moment ago.
// Zabbix's programs take ports up to 32767 only, below those that the kernel
// chooses.
func FreeAddr(t testing.TB) string {
	t.Helper()
	for range 100 {
		ln, err := net.Listen("tcp", "127.0.0.1:"+itoa(20_000+rand.IntN(12_000)))
		if err != nil {
			continue
		}
		defer func() { _ = ln.Close() }()
		return ln.Addr().String()
	}
	t.Fatal("no free port between 20000 and 32000")
	return ""
}

// write makes a configuration file of lines NAME=VALUE.
func write(t testing.TB, path string, settings map[string]string) {
	t.Helper()
	var text strings.Builder
	for name, value := range settings {
		text.WriteString(name + "=" + value + "\n")
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// shortDir is a folder whose path has room for a unix socket's name.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "zbx")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
