package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/local"
	"chatlab/src/lab/local/supervisor"
)

// builds holds the programs of the tree, built once for all tests.
var builds struct {
	once sync.Once
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	status := m.Run()
	if builds.dir != "" {
		_ = os.RemoveAll(builds.dir)
	}
	os.Exit(status)
}

// programs builds everything, unless CHATLAB_BIN names the folder of a build,
// and returns the folder.
func programs(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the programs of the whole tree")
	}
	if dir := os.Getenv("CHATLAB_BIN"); dir != "" {
		return dir
	}
	builds.once.Do(func() {
		if builds.dir, builds.err = os.MkdirTemp("", "chatlab-bin-"); builds.err != nil {
			return
		}
		args := []string{"build", "-trimpath", "-buildvcs=false", "-o", builds.dir + "/"}
		for _, name := range []string{"lab", "authd", "chatd", "logd", "logger", "healthd", "client"} {
			args = append(args, "chatlab/src/cmd/"+name)
		}
		cmd := exec.Command("go", args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			builds.err = fmt.Errorf("go build: %v\n%s", err, out)
		}
	})
	if builds.err != nil {
		t.Fatal(builds.err)
	}
	return builds.dir
}

// rig is a lab of the real programs on loopback networks of its own.
type rig struct {
	t          *testing.T
	lab        string // program
	inv, state string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	dir := t.TempDir()
	r := &rig{t: t, lab: filepath.Join(programs(t), "lab"), inv: filepath.Join(dir, "hosts.yml"), state: filepath.Join(dir, "state")}
	text, err := os.ReadFile("../../../ansible/inventories/local/hosts.yml")
	if err != nil {
		t.Fatal(err)
	}
	inv, err := inventory.Parse("local", text)
	if err != nil {
		t.Fatal(err)
	}
	moved := string(text)
	public, private := ownNetwork(t, 1, 126), ownNetwork(t, 128, 127)
	for i, n := range inv.Nodes {
		moved = strings.ReplaceAll(moved, n.Public.String(), public+fmt.Sprint(11+i))
		moved = strings.ReplaceAll(moved, n.Private.String(), private+fmt.Sprint(11+i))
	}
	if err := os.WriteFile(r.inv, []byte(moved), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			r.showLogs()
		}
		if _, _, err := r.run("down"); err != nil {
			t.Error(err)
		}
	})
	return r
}

// ownNetwork returns the first three numbers of a network on loopback that no other test
// has taken: a socket holds it until the test ends.
func ownNetwork(t *testing.T, first, n int) string {
	t.Helper()
	const holder = "254:10999"
	for {
		network := fmt.Sprintf("127.%d.%d.", first+rand.IntN(n), rand.IntN(256))
		if ln, err := net.Listen("tcp", network+holder); err == nil {
			t.Cleanup(func() { _ = ln.Close() })
			return network
		}
	}
}

// run runs `lab VERB … --state DIR` and returns its output.
func (r *rig) run(verb string, args ...string) (stdout, stderr string, err error) {
	var out, errOut bytes.Buffer
	cmd := exec.Command(r.lab, append([]string{verb, "--state", r.state}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err = cmd.Run()
	return out.String(), errOut.String(), err
}

func (r *rig) must(verb string, args ...string) string {
	r.t.Helper()
	out, errOut, err := r.run(verb, args...)
	if err != nil {
		r.t.Fatalf("lab %s: %v\n%s%s", verb, err, out, errOut)
	}
	return out
}

func (r *rig) showLogs() {
	logs, _ := filepath.Glob(filepath.Join(local.RunDir(r.state), "log", "*.log"))
	for _, path := range logs {
		text, _ := os.ReadFile(path)
		r.t.Logf("%s:\n%s", filepath.Base(path), text[max(0, len(text)-2000):])
	}
}

func (r *rig) inventory() *inventory.Inventory {
	r.t.Helper()
	inv, err := inventory.Load(r.inv)
	if err != nil {
		r.t.Fatal(err)
	}
	return inv
}

// rows returns `lab status --json` by NODE/SERVICE.
func (r *rig) rows() map[string]lab.ServiceStatus {
	r.t.Helper()
	out, errOut, _ := r.run("status", "--json")
	var rows []lab.ServiceStatus
	if err := json.Unmarshal([]byte(out), &rows); err != nil {
		r.t.Fatalf("status: %v\n%s%s", err, out, errOut)
	}
	named := map[string]lab.ServiceStatus{}
	for _, row := range rows {
		named[row.Node+"/"+row.Service] = row
	}
	return named
}

func (r *rig) nothingLeft() {
	r.t.Helper()
	if left := supervisor.Marked(local.RunDir(r.state)); len(left) > 0 {
		r.t.Errorf("processes left: %+v", left)
	}
	inv := r.inventory()
	for _, service := range []string{"mongodb", "logd", "authd", "chatd", "healthd"} {
		addrs := inv.Addresses(service)
		if service != "mongodb" {
			addrs = append(addrs, inv.OpsAddresses(service)...)
		}
		for _, addr := range addrs {
			ln, err := net.Listen("tcp", addr)
			if err != nil {
				r.t.Errorf("port left: %v", err)
				continue
			}
			ln.Close()
		}
	}
}

func signup(t *testing.T, base, id string) {
	t.Helper()
	body := fmt.Sprintf(`{"id":%q,"passwd":"secret1","email":"%s@example.org"}`, id, id)
	res, err := http.Post(base+"/auth/signup", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, _ := io.ReadAll(res.Body); res.StatusCode/100 != 2 {
		t.Fatalf("signup: %s %s", res.Status, text)
	}
}

func exitStatus(err error) int {
	if exit, ok := err.(*exec.ExitError); ok {
		return exit.ExitCode()
	}
	return 0
}
