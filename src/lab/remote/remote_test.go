package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
)

func TestACommandArrivesAsItWasGiven(t *testing.T) {
	m := newMachine(t)
	h := NewHost("one", m.host, m.access)
	defer h.Close()
	odd := `a 'quoted' "word" $HOME ; * \`
	out, err := h.Run(t.Context(), "printf", "%s|%s", odd, "")
	if err != nil || out != odd+"|" {
		t.Errorf("%q %v", out, err)
	}
	_, err = h.Run(t.Context(), "sh", "-c", "echo why >&2; echo more >&2; exit 7")
	if !errs.Is(err, errs.Failed) || err.Error() != "sh on one: why" {
		t.Error(err)
	}
	if _, err := h.Run(t.Context()); !errs.Is(err, errs.Usage) {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := h.Run(ctx, "sleep", "20"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestAUserWhoIsNotRootUsesSudo(t *testing.T) {
	m := newMachine(t)
	m.program(t, "sudo", "echo \"sudo:$1:$2:$3:$4\"\n")
	m.access.User = "vagrant"
	h := NewHost("one", m.host, m.access)
	defer h.Close()
	if out, err := h.Run(t.Context(), "id", "-u"); err != nil || out != "sudo:-n:--:id:-u\n" {
		t.Errorf("%q %v", out, err)
	}
}

func TestLimitsAreLongerWhereMachinesAreSlow(t *testing.T) {
	inv := newTarget(t, newMachine(t), http.StatusOK).cfg.Inventory
	for _, tt := range []struct {
		patience float64
		want     time.Duration
	}{{0, time.Second}, {0.5, time.Second}, {10, 10 * time.Second}} {
		target := New(Config{Inventory: inv, Patience: tt.patience})
		if got, there := lab.Allow(target, time.Second), target.hosts["one"].link.allow(time.Second); got != tt.want || there != tt.want {
			t.Errorf("patience %v: a second is %s, on the machine %s", tt.patience, got, there)
		}
	}
}

func TestEachMachineMayHaveAKeyOfItsOwn(t *testing.T) {
	inv := newTarget(t, newMachine(t), http.StatusOK).cfg.Inventory
	for keys, want := range map[string]string{"one": "/own", "other": "/shared"} {
		target := New(Config{Inventory: inv, Access: Access{Key: "/shared"}, Keys: map[string]string{keys: "/own"}})
		if got := target.hosts["one"].link.access.Key; got != want {
			t.Errorf("a key for %s: one is reached with %s", keys, got)
		}
	}
}

func TestABrokenConnectionIsOpenedAgain(t *testing.T) {
	m := newMachine(t)
	h := NewHost("one", m.host, m.access)
	defer h.Close()
	for range 3 {
		if _, err := h.Run(t.Context(), "true"); err != nil {
			t.Fatal(err)
		}
		if n := m.hangUp(); n != 1 {
			t.Fatalf("%d connections for one command after the other", n)
		}
	}
}

func TestAStrangersKeyIsRefused(t *testing.T) {
	m, other := newMachine(t), newMachine(t)
	a := m.access
	a.KnownHosts = other.access.KnownHosts
	_, err := NewHost("one", m.host, a).Run(t.Context(), "true")
	if !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "one: no SSH at") {
		t.Error(err)
	}
	a = m.access
	a.Key = other.access.Key
	if _, err := NewHost("one", m.host, a).Run(t.Context(), "true"); !errs.Is(err, errs.Unavailable) {
		t.Error(err)
	}
	a.Key = "/nowhere"
	if _, err := NewHost("one", m.host, a).Run(t.Context(), "true"); !errs.Is(err, errs.Usage) {
		t.Error(err)
	}
}

func TestConnectionsThroughAMachineHaveDeadlines(t *testing.T) {
	m := newMachine(t)
	h := NewHost("one", m.host, m.access)
	defer h.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		line, _ := bufio.NewReader(conn).ReadString('\n')
		_, _ = fmt.Fprint(conn, "you said "+line)
		_, _ = conn.Read(make([]byte, 1)) // until the other side ends it
		_ = conn.Close()
	}()
	conn, err := h.Dial(t.Context(), "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = fmt.Fprintln(conn, "hello")
	lines := bufio.NewReader(conn)
	if line, err := lines.ReadString('\n'); err != nil || line != "you said hello\n" {
		t.Errorf("%q %v", line, err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Error(err)
	}
	var late net.Error
	if _, err := lines.ReadByte(); !errors.As(err, &late) || !late.Timeout() {
		t.Error(err)
	}
	_ = conn.Close()
	<-done
	_ = ln.Close()
	if _, err := h.Dial(t.Context(), "tcp", ln.Addr().String()); !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "refused") {
		t.Error(err)
	}
}

// newTarget is a lab of one node whose machine is m; its ops listeners answer
// with a status.
func newTarget(t *testing.T, m *machine, status int) *Target {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprintln(w, "because")
	})}
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(func() { _ = server.Close() })
	// authd's ops listener alone is real: the other ports are only numbers.
	port := ln.Addr().(*net.TCPAddr).Port
	text := fmt.Sprintf(`all:
  vars: {auth_port: 1, chat_port: 2, logd_port: 3, healthd_port: 4, mongodb_port: 5, authd_ops_port: %d, chatd_ops_port: 7, logd_ops_port: 8,
    healthd_ops_port: 9, authd_logger_ops_port: 10, chatd_logger_ops_port: 11}
  hosts:
    one: {public_address: 127.9.1.1, private_address: 127.0.0.1}
  children:
    authd: {hosts: {one: {}}}
    chatd: {hosts: {one: {}}}
    logd: {hosts: {one: {}}}
    healthd: {hosts: {one: {}}}
    mongodb: {hosts: {one: {}}}
`, port)
	inv, err := inventory.Parse("hosts.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	target := New(Config{Inventory: inv, State: t.TempDir(), Access: m.access, Embedded: true})
	target.hosts["one"].link = newLink("one", m.host, m.access) // public addresses are not this machine's
	t.Cleanup(target.Close)
	return target
}

func TestActionsAreSystemds(t *testing.T) {
	m := newMachine(t)
	log := filepath.Join(t.TempDir(), "log")
	m.program(t, "systemctl", `echo "$*" >>`+log+"\n")
	target := newTarget(t, m, http.StatusOK)
	h, err := target.Host("one")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []lab.Action{lab.Start, lab.Stop, lab.Restart, lab.Kill, lab.Halt, lab.Freeze, lab.Thaw} {
		if err := h.Do(t.Context(), inventory.Authd, a); err != nil {
			t.Error(a, err)
		}
	}
	if err := h.Do(t.Context(), inventory.MongoDB, lab.Stop); err != nil {
		t.Error(err)
	}
	want := `reset-failed chatlab-authd
start chatlab-authd
stop chatlab-authd
restart chatlab-authd
kill --kill-who=main --signal=KILL chatlab-authd
kill --signal=KILL chatlab-authd
stop chatlab-authd
kill --kill-who=main --signal=STOP chatlab-authd
kill --kill-who=main --signal=CONT chatlab-authd
stop chatlab-mongod
`
	if text, err := os.ReadFile(log); err != nil || string(text) != want {
		t.Errorf("%s %v", text, err)
	}
	for service, code := range map[string]errs.Code{inventory.MariaDB: errs.NotFound, "nothing": errs.NotFound} {
		if err := h.Do(t.Context(), service, lab.Stop); !errs.Is(err, code) {
			t.Error(service, err)
		}
	}
	for service, a := range map[string]lab.Action{inventory.Authd: "dance", "authd-logger": lab.Stop} {
		if err := h.Do(t.Context(), service, a); !errs.Is(err, errs.Usage) {
			t.Error(service, a, err)
		}
	}
	if _, err := target.Host("two"); !errs.Is(err, errs.NotFound) {
		t.Error(err)
	}
}

func TestStatusTellsEachState(t *testing.T) {
	m := newMachine(t)
	m.program(t, "systemctl", `for unit; do :; done
case $unit in
chatlab-authd) pid=11 states="ActiveState=active SubState=running NRestarts=3";;
chatlab-chatd) pid=12 states="ActiveState=active SubState=running";;
chatlab-logd) pid=0 states="ActiveState=activating SubState=auto-restart";;
chatlab-mongod) pid=0 states="ActiveState=inactive SubState=dead";;
*) pid=0 states="ActiveState=failed";;
esac
echo MainPID=$pid
case "$*" in *NRestarts*) for state in $states; do echo "$state"; done;; esac
`)
	m.program(t, "ps", `case "$*" in *11) echo "Ss 60";; *) echo "Ts 5";; esac`)
	m.program(t, "pgrep", "exit 1")
	rows, err := newTarget(t, m, http.StatusServiceUnavailable).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]lab.State{}
	for _, r := range rows {
		got[r.Service] = r.State
		if r.Service == inventory.Authd && r.Restarts != 3 {
			t.Errorf("%+v", r)
		}
	}
	for service, want := range map[string]lab.State{
		inventory.Logd: lab.Failing, inventory.MongoDB: lab.Down, inventory.Healthd: lab.Failing, "authd-logger": lab.Down,
		inventory.Authd: lab.NotReady, inventory.Chatd: lab.Frozen,
	} {
		if got[service] != want {
			t.Errorf("%s is %s, want %s", service, got[service], want)
		}
	}
}

func TestStatesAreRead(t *testing.T) {
	got := parseStates("Service=authd\nMainPID=7\nActiveState=active\nProcess=Ssl      90\nService=authd-logger\nMainPID=8\nProcess=\nnonsense\n")
	stat, age := got["authd"].process()
	if stat != "Ssl" || age != 90*time.Second || got["authd-logger"]["MainPID"] != "8" {
		t.Errorf("%v", got)
	}
	if stat, _ := got["authd-logger"].process(); stat != "" {
		t.Error(stat)
	}
}

func TestReadinessIsAskedOfTheService(t *testing.T) {
	m := newMachine(t)
	h := newTarget(t, m, http.StatusServiceUnavailable).hosts["one"]
	if state, reason := h.ready(t.Context(), inventory.Authd); state != lab.NotReady || reason != "because" {
		t.Error(state, reason)
	}
	if state, _ := h.ready(t.Context(), inventory.Chatd); state != lab.Starting {
		t.Error(state)
	}
	if err := h.answering(t.Context(), inventory.Authd); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := h.AwaitReady(ctx, inventory.Authd); err == nil {
		t.Error("a service that is not ready was waited for in vain, and nobody says so")
	}
}

func TestSecretsAndAddresses(t *testing.T) {
	target := newTarget(t, newMachine(t), http.StatusOK)
	if _, err := target.Secret("jwt.key"); !errs.Is(err, errs.NotFound) {
		t.Error(err)
	}
	dir := filepath.Join(target.cfg.State, "secrets")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "jwt.key"), []byte("k"), 0o600); err != nil {
		t.Fatal(err)
	}
	if path, err := target.Secret("../jwt.key"); err != nil || path != filepath.Join(dir, "jwt.key") {
		t.Error(path, err)
	}
	if target.MongoURI() != "mongodb://127.0.0.1:5/" || target.MongoUser() != "" {
		t.Error(target.MongoURI(), target.MongoUser())
	}
	if unit, err := target.Unit("one", inventory.MongoDB); err != nil || unit != "chatlab-mongod" {
		t.Error(unit, err)
	}
	for _, err := range []error{target.Up(t.Context(), lab.Silent{}), target.Down(t.Context(), true, lab.Silent{}), target.Publish(t.Context(), "ca.pem")} {
		if !errs.Is(err, errs.Usage) || !strings.Contains(errs.FixOf(err), "ansible-playbook") {
			t.Error(err)
		}
	}
}

func TestAFileIsReplacedWhole(t *testing.T) {
	m := newMachine(t)
	h := NewHost("one", m.host, m.access)
	defer h.Close()
	path := filepath.Join(t.TempDir(), "it's a file")
	if err := os.WriteFile(path, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := h.rewrite(t.Context(), path, "new\ntext\n"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	info, _ := os.Stat(path)
	if err != nil || string(text) != "new\ntext\n" || info.Mode().Perm() != 0o640 {
		t.Errorf("%q %v %v", text, info.Mode(), err)
	}
}
