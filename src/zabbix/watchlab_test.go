package zabbix

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// lab is a local lab of the test's own, on loopback networks of its own.
type lab struct {
	dir string // state, inventory, and the programs in bin
}

func upLab(t *testing.T) *lab {
	t.Helper()
	dir, err := os.MkdirTemp("", "lab")
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{dir}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "bin")+"/", "./src/cmd/...")
	build.Dir = "../.."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	text, err := os.ReadFile("../../ansible/inventories/local-ha/hosts.yml")
	if err != nil {
		t.Fatal(err)
	}
	net := fmt.Sprintf("127.%d.$1.", 20+rand.IntN(200))
	text = regexp.MustCompile(`127\.0\.(75|123)\.`).ReplaceAll(text, []byte(net))
	if err := os.MkdirAll(filepath.Join(dir, "inventory"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "inventory", "hosts.yml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if out, err := l.run("down", "--purge"); err != nil {
			t.Errorf("lab down: %v\n%s", err, out)
		}
	})
	if out, err := l.run("up"); err != nil {
		t.Fatalf("lab up: %v\n%s", err, out)
	}
	return l
}

func (l *lab) run(args ...string) ([]byte, error) {
	args = append(args, "--inventory", filepath.Join(l.dir, "inventory"), "--state", filepath.Join(l.dir, "state"))
	return exec.Command(filepath.Join(l.dir, "bin", "lab"), args...).CombinedOutput()
}

type service struct {
	Service, Node, Address string
	PID                    int
}

func (l *lab) services(t *testing.T) []service {
	t.Helper()
	out, err := l.run("status", "--json")
	if err != nil {
		t.Fatalf("lab status: %v\n%s", err, out)
	}
	var all []service
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return all
}

func (l *lab) find(t *testing.T, name, node string) service {
	t.Helper()
	for _, s := range l.services(t) {
		if s.Service == name && (node == "" || s.Node == node) {
			return s
		}
	}
	t.Fatalf("the lab has no %s", name)
	return service{}
}

func (l *lab) address(t *testing.T, name, node string) string { return l.find(t, name, node).Address }

// databaseHealthd runs one more healthd on a node, which knows of a MariaDB, and of its
// cluster where that has members: the local lab has none.
func (l *lab) databaseHealthd(t *testing.T, node, socket string, members int) string {
	t.Helper()
	host, _, err := net.SplitHostPort(l.address(t, "healthd", node))
	if err != nil {
		t.Fatal(err)
	}
	addr := net.JoinHostPort(host, "10061")
	cmd := exec.Command(filepath.Join(l.dir, "bin", "healthd"), "--config", filepath.Join(l.dir, "state/local/etc", node+"-healthd.yml"),
		"--listen", addr, "--ops.listen", net.JoinHostPort(host, "9061"), "--mariadb.addresses", socket, "--mariadb.name", "information_schema",
		"--mariadb.user", "root", "--mariadb.members", fmt.Sprint(members))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	return addr
}
