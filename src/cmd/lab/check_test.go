package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"chatlab/src/lab"
	"chatlab/src/lab/check"
	"chatlab/src/lab/local"
	"chatlab/src/lab/local/supervisor"
	"chatlab/src/testkit"
)

// silentLab writes the inventory of a lab at whose addresses nothing listens.
func silentLab(t *testing.T) (path string) {
	t.Helper()
	ports := map[string]int{}
	for _, name := range []string{"auth", "chat", "logd", "mongodb", "authd_ops", "chatd_ops", "logd_ops", "authd_logger_ops", "chatd_logger_ops"} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		ports[name] = ln.Addr().(*net.TCPAddr).Port
	}
	var b strings.Builder
	b.WriteString("all:\n  vars:\n")
	for name, port := range ports {
		fmt.Fprintf(&b, "    %s_port: %d\n", name, port)
	}
	b.WriteString("  hosts:\n    one: {public_address: 127.0.0.1, private_address: 127.0.1.1}\n  children:\n")
	for _, group := range []string{"authd", "chatd", "logd", "mongodb"} {
		fmt.Fprintf(&b, "    %s: {hosts: {one: {}}}\n", group)
	}
	path = filepath.Join(t.TempDir(), "hosts.yml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// stopped returns a state folder of a lab that is down.
func stopped(t *testing.T) string {
	t.Helper()
	state := t.TempDir()
	if err := os.Mkdir(local.RunDir(state), 0o700); err != nil {
		t.Fatal(err)
	}
	return state
}

func TestCheckOfALabThatIsNotUpIsOneLineAndStatusTwo(t *testing.T) {
	state := stopped(t)
	out, errOut, status := call(t, "check", "--inventory", silentLab(t), "--state", state)
	if status != 2 || out != "" || !strings.HasPrefix(errOut, "lab: error: the lab is not up: none of its services runs\n") ||
		!strings.Contains(errOut, " up --inventory ") || !strings.Contains(errOut, " --state "+state+"` brings it up") {
		t.Errorf("status %d\n%s%s", status, out, errOut)
	}
}

// The addresses of the inventory may be another lab's, which must not be taken for it.
func TestACommandOnAFolderWithoutALabSaysSo(t *testing.T) {
	empty, inv := filepath.Join(t.TempDir(), "a b"), silentLab(t)
	for _, verb := range []string{"check", "status", "events", "drill"} {
		out, errOut, status := call(t, verb, "--inventory", inv, "--state", empty)
		if status != 2 || out != "" || !strings.HasPrefix(errOut, "lab: error: no lab in "+empty+"\n") || !strings.Contains(errOut, " --state '"+empty+"'` brings one up there") {
			t.Errorf("%s: status %d\n%s%s", verb, status, out, errOut)
		}
	}
	if out, errOut, status := call(t, "down", "--state", empty); status != 0 || out != "no lab in "+empty+"\n" {
		t.Errorf("down: status %d\n%s%s", status, out, errOut)
	}
}

func TestCheckOfAnUnknownNameListsNearOnes(t *testing.T) {
	_, errOut, status := call(t, "check", "--inventory", silentLab(t), "--state", stopped(t), "auth.health", "brodcast")
	if status != 2 || !strings.Contains(errOut, `no check is called "brodcast"; near it: chat.broadcast`) || !strings.Contains(errOut, " check ") || !strings.Contains(errOut, " --list`") {
		t.Errorf("status %d\n%s", status, errOut)
	}
}

func TestCheckListNeedsNoLab(t *testing.T) {
	at := []string{"--inventory", silentLab(t), "--state", t.TempDir()}
	out, _, status := call(t, append([]string{"check", "--list", "auth.token.none", "events"}, at...)...)
	if status != 0 || !strings.Contains(out, "auth.token.none") || !strings.Contains(out, "alg none") || strings.Contains(out, "chat.who") {
		t.Errorf("status %d\n%s", status, out)
	}
	out, _, _ = call(t, append([]string{"check", "--list", "--json", "chat.who"}, at...)...)
	var listed []check.Listed
	if err := json.Unmarshal([]byte(out), &listed); err != nil || len(listed) != 1 || listed[0].Name != "chat.who" {
		t.Errorf("%v %s", err, out)
	}
}

func TestAnInterruptedCheckSaysWhatWasNotRun(t *testing.T) {
	r := newRig(t)
	r.must("up", "--inventory", r.inv, "--no-check")
	cmd := exec.Command(r.lab, "check", "--state", r.state)
	var out, errOut testkit.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	testkit.Until(t, "the first result is shown", func() bool { return strings.Contains(out.String(), "ok ") })
	_ = cmd.Process.Signal(os.Interrupt)
	err := cmd.Wait()
	if exitStatus(err) != 130 || !strings.Contains(out.String(), "interrupted: ") || !strings.Contains(out.String(), " 0 failed, ") || !strings.Contains(out.String(), " not run\n") ||
		strings.Contains(out.String()+errOut.String(), "canceled") {
		t.Errorf("%v\n%s%s", err, out.String(), errOut.String())
	}
}

func TestCheckProvesARealLabAndSeesWhatIsDown(t *testing.T) {
	r := newRig(t)
	r.must("up", "--inventory", r.inv, "--no-check")
	var rep check.Report
	if err := json.Unmarshal([]byte(r.must("check", "--json")), &rep); err != nil {
		t.Fatal(err)
	}
	if rep.Total < 60 || rep.OK != rep.Total {
		t.Errorf("%d checks, %d ok", rep.Total, rep.OK)
	}
	out := r.must("check") // at once again: the limits of the daemons allow it
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for i, c := range rep.Results {
		if i >= len(lines) || !strings.HasPrefix(lines[i], "ok    "+c.Name+" ") {
			t.Errorf("line %d of the text is not %s", i+1, c.Name)
		}
	}
	if want := fmt.Sprintf("%d checks: %d ok, 0 failed, 0 skipped in ", rep.Total, rep.Total); !strings.HasPrefix(lines[len(lines)-1], want) {
		t.Errorf("the summary is %q", lines[len(lines)-1])
	}

	if err := supervisor.Do(t.Context(), local.RunDir(r.state), "log", "logd", lab.Stop); err != nil {
		t.Fatal(err)
	}
	out, errOut, err := r.run("check", "net.isolation.logd", "ops.ready.logd", "auth.health", "--json")
	if exitStatus(err) != 1 || !strings.Contains(errOut, "2 of 3 checks failed: ops.ready.logd net.isolation.logd") {
		t.Errorf("%v\n%s", err, errOut)
	}
	if err := json.Unmarshal([]byte(out), &rep); err != nil {
		t.Fatal(err)
	}
	bad := rep.Results[slices.IndexFunc(rep.Results, func(c check.Result) bool { return c.Name == "ops.ready.logd" })]
	if bad.Result != check.Fail || bad.Node != "log" || bad.Expected == "" || !strings.Contains(bad.Seen, "refused") || bad.Hint == "" {
		t.Errorf("%+v", bad)
	}
}
