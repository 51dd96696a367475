package local_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"chatlab/src/app"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/local"
	"chatlab/src/lab/local/supervisor"
)

// TestMain lets the test binary play the programs of the lab, by the names of
// the links to it.
func TestMain(m *testing.M) {
	name := filepath.Base(os.Args[0])
	if slices.Contains(programs, name) {
		os.Exit(fake(name, os.Args[1:]))
	}
	// A program with the race detector waits a second before it ends.
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0")
	os.Exit(m.Run())
}

var programs = []string{"lab", "authd", "chatd", "logd", "logger", "healthd", "client"}

// fake is a daemon that is ready once it listens, unless a file BINARY.broken
// says what it prints before it gives up.
func fake(name string, args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if reason, err := os.ReadFile(os.Args[0] + ".broken"); err == nil {
		fmt.Fprint(os.Stderr, string(reason))
		return 2
	}
	switch {
	case args[0] == "--version":
		fmt.Println(name, app.Version())
		return 0
	case args[0] == "supervise":
		if err := supervisor.Run(ctx, local.RunDir(args[2]), slog.New(slog.NewTextHandler(os.Stderr, nil))); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	case args[0] == "mongod":
		return serve(ctx, name, args[2])
	}
	text, err := os.ReadFile(args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	if name == "authd" || name == "chatd" {
		if err := exec.Command(filepath.Join(filepath.Dir(os.Args[0]), "logger"), "--config", strings.Replace(args[1], ".yml", "-logger.yml", 1)).Start(); err != nil {
			return 1
		}
	}
	var addrs []string
	for _, m := range regexp.MustCompile(`listen: (\S+)`).FindAllStringSubmatch(string(text), -1) {
		addrs = append(addrs, m[1])
	}
	if name == "logger" {
		ctx = context.Background() // deaf to all but SIGKILL
		addrs = slices.DeleteFunc(addrs, func(a string) bool { return !strings.Contains(a, ":909") })
	}
	return serve(ctx, name, addrs...)
}

func serve(ctx context.Context, name string, addrs ...string) int {
	for _, addr := range addrs {
		ln, err := net.Listen("tcp", addr)
		for name == "logger" && err != nil && ctx.Err() == nil { // until the one before it is gone
			<-time.After(5 * time.Millisecond)
			ln, err = net.Listen("tcp", addr)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
		go http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ready") }))
	}
	<-ctx.Done()
	return 0
}

// rig is a lab of fake programs on loopback addresses of its own.
type rig struct {
	t      *testing.T
	bin    string
	state  string
	inv    string // path of the inventory
	steps  steps
	target *local.Target
}

func newRig(t *testing.T) *rig {
	t.Helper()
	dir := t.TempDir()
	r := &rig{t: t, bin: filepath.Join(dir, "bin"), state: filepath.Join(dir, "state"), inv: filepath.Join(dir, "hosts.yml")}
	self, err := os.Executable()
	if err == nil {
		err = os.Mkdir(r.bin, 0o700)
	}
	for _, name := range programs {
		if err == nil {
			err = os.Symlink(self, filepath.Join(r.bin, name))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	r.write(hosts())
	t.Cleanup(func() {
		pid, alive := supervisor.Alive(local.RunDir(r.state))
		if alive {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if _, err := supervisor.KillMarked(local.RunDir(r.state)); err != nil {
			t.Error(err)
		}
	})
	return r
}

// write sets the inventory and opens the target anew.
func (r *rig) write(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.inv, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	inv, err := inventory.Load(r.inv)
	if err != nil {
		r.t.Fatal(err)
	}
	r.target, err = local.New(local.Config{
		State: r.state, Inventory: inv, Binaries: r.bin,
		Supervisor: []string{filepath.Join(r.bin, "lab"), "supervise", "--state", r.state},
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// hosts is an inventory on random loopback networks.
func hosts() string {
	public := fmt.Sprintf("127.%d.%d", 1+rand.IntN(126), rand.IntN(256))
	private := fmt.Sprintf("127.%d.%d", 128+rand.IntN(127), rand.IntN(256))
	text := "all:\n  vars: {password_min_length: 6, auth_port: 8081, chat_port: 8082, logd_port: 8083, healthd_port: 10060,\n" +
		"    mongodb_port: 27017, authd_ops_port: 9081, chatd_ops_port: 9082, logd_ops_port: 9083, healthd_ops_port: 9060,\n" +
		"    authd_logger_ops_port: 9091, chatd_logger_ops_port: 9092}\n  hosts:\n"
	for _, h := range []struct {
		name string
		last int
	}{{"log", 11}, {"chat", 12}, {"auth", 14}} {
		text += fmt.Sprintf("    %s: {public_address: %s.%d, private_address: %s.%d}\n", h.name, public, h.last, private, h.last)
	}
	return text + "  children:\n    authd: {hosts: {auth: {}}}\n    chatd: {hosts: {chat: {}}}\n    logd: {hosts: {log: {}}}\n" +
		"    healthd: {hosts: {log: {}, chat: {}, auth: {}}}\n    mongodb: {hosts: {log: {}}}\n"
}

func (r *rig) up() {
	r.t.Helper()
	r.steps.reset()
	if err := r.target.Up(r.t.Context(), &r.steps); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) down(purge bool) {
	r.t.Helper()
	if err := r.target.Down(r.t.Context(), purge, lab.Silent{}); err != nil {
		r.t.Fatal(err)
	}
	r.nothingLeft()
}

// nothingLeft demands that no process of the lab lives and no address is held.
func (r *rig) nothingLeft() {
	r.t.Helper()
	if left := supervisor.Marked(local.RunDir(r.state)); len(left) > 0 {
		r.t.Errorf("processes left: %+v", left)
	}
	inv, err := inventory.Load(r.inv)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, service := range []string{"mongodb", "logd", "authd", "chatd", "healthd"} {
		for _, addr := range append(inv.Addresses(service), inv.OpsAddresses(service)...) {
			if strings.HasSuffix(addr, ":0") {
				continue // mongodb has no ops listener
			}
			ln, err := net.Listen("tcp", addr)
			if err != nil {
				r.t.Errorf("port left: %v", err)
				continue
			}
			ln.Close()
		}
	}
}

// status returns the rows by NODE/SERVICE.
func (r *rig) status() map[string]lab.ServiceStatus {
	r.t.Helper()
	rows, err := r.target.Status(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	out := map[string]lab.ServiceStatus{}
	for _, row := range rows {
		out[row.Node+"/"+row.Service] = row
	}
	return out
}

// steps records the output.
type steps struct {
	mu    sync.Mutex
	names []string
}

func (s *steps) Step(name string) func(error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names = append(s.names, name)
	return func(error) {}
}

func (s *steps) reset() { s.names = nil }

func (s *steps) has(part string) bool {
	return slices.ContainsFunc(s.names, func(n string) bool { return strings.Contains(n, part) })
}
