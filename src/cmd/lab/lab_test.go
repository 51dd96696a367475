package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatlab/src/app"
	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/local"
	"chatlab/src/lab/local/supervisor"
	"chatlab/src/testkit"
)

func TestTheLabComesUpIsUsedAndGoesDown(t *testing.T) {
	r := newRig(t)
	begin := time.Now()
	out := r.must("up", "--inventory", r.inv)
	t.Logf("up took %s\n%s", time.Since(begin), out)
	inv := r.inventory()
	for _, want := range append(inv.Addresses("authd"), "next:", "events", "down", inv.Addresses("chatd")[0]) {
		if !strings.Contains(out, want) {
			t.Errorf("up does not mention %q", want)
		}
	}
	for name, row := range r.rows() {
		if row.State != lab.Ready {
			t.Errorf("%s: %+v", name, row)
		}
	}
	if again := r.must("up", "--no-check"); !strings.Contains(again, "already up") {
		t.Errorf("the second up says\n%s", again)
	}

	signup(t, "http://"+inv.Addresses("authd")[0], "kim")
	testkit.Until(r.t, "the event is stored", func() bool {
		out, _, err := r.run("events", "--category", "signup", "--id", "kim")
		return err == nil && strings.HasSuffix(out, "Z auth signup kim success\n")
	})
	var event map[string]string
	if err := json.Unmarshal([]byte(r.must("events", "--json", "--id", "kim", "-n", "1")), &event); err != nil || event["category"] != "signup" || len(event["_id"]) != 24 {
		t.Errorf("%v %v", event, err)
	}

	r.must("down")
	r.nothingLeft()
	if _, errOut, err := r.run("status"); exitStatus(err) != 1 || !strings.Contains(errOut, "the lab is down") {
		t.Errorf("status after down: %v %s", err, errOut)
	}
	r.must("down")
	r.must("up", "--no-check")
	if out := r.must("events", "--id", "kim"); strings.Count(out, "signup kim") != 1 {
		t.Errorf("events after down and up:\n%s", out)
	}
	r.must("down", "--purge")
	r.nothingLeft()
	if _, err := os.Stat(r.state); err == nil {
		t.Error("purge left the state folder")
	}
}

func TestEveryProcessIsHealedAndTheSupervisorReplaced(t *testing.T) {
	r := newRig(t)
	r.must("up", "--inventory", r.inv, "--no-check")
	for _, name := range []string{"log/mongodb", "log/logd", "auth/authd", "auth/authd-logger", "chat/chatd", "chat/chatd-logger", "log/healthd"} {
		before := r.rows()[name]
		if before.PID == 0 {
			t.Fatalf("%s does not run", name)
		}
		begin := time.Now()
		if err := syscall.Kill(before.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		testkit.Until(r.t, name+" is ready again", func() bool { s := r.rows()[name]; return s.PID != before.PID && s.State == lab.Ready })
		t.Logf("%s was ready again after %s", name, time.Since(begin))
	}
	pid, _ := supervisor.Alive(local.RunDir(r.state))
	if err := syscall.Kill(pid, syscall.SIGHUP); err != nil { // its terminal was closed
		t.Fatal(err)
	}
	if now := r.rows()["auth/authd"]; now.State != lab.Ready {
		t.Errorf("after SIGHUP: %+v", now)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	testkit.Until(r.t, "the supervisor is gone", func() bool { _, alive := supervisor.Alive(local.RunDir(r.state)); return !alive })
	r.must("up", "--no-check")
	signup(t, "http://"+r.inventory().Addresses("authd")[0], "kim")
	pid, _ = supervisor.Alive(local.RunDir(r.state))
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.must("down")
	r.nothingLeft()
}

// copied returns a copy of a program, alone in a folder that everybody may read.
func copied(t *testing.T, program string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "chatlab-copy-") // a test's own is for its user only
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	text, err := os.ReadFile(program)
	path := filepath.Join(dir, filepath.Base(program))
	if err = errors.Join(err, os.Chmod(dir, 0o755), os.WriteFile(path, text, 0o755)); err != nil {
		t.Fatal(err)
	}
	return path
}

// `down` is only said of a lab that was looked at.
func TestALabWhoseFolderIsGoneOrAnothersIsNotCalledDown(t *testing.T) {
	r := newRig(t)
	r.must("up", "--inventory", r.inv, "--no-check")
	if err := os.Rename(r.state, r.state+".away"); err != nil {
		t.Fatal(err)
	}
	if _, errOut, err := r.run("status"); exitStatus(err) != 2 || !strings.Contains(errOut, "no lab in "+r.state+", but ") {
		t.Errorf("status: %v\n%s", err, errOut)
	}
	if os.Getuid() == 0 {
		cmd := exec.Command(copied(t, r.lab), "down", "--state", r.state)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.CombinedOutput()
		if exitStatus(err) != 2 || !strings.Contains(string(out), "state folder: ") && !strings.Contains(string(out), "is another user's") {
			t.Errorf("another user's down: %v\n%s", err, out)
		}
	}
	if out := r.must("down"); !strings.HasSuffix(out, "the lab is down\n") {
		t.Errorf("down says\n%s", out)
	}
	r.nothingLeft()
}

func TestAnIncompleteBuildStopsUpBeforeTheLabThatRuns(t *testing.T) {
	r := newRig(t)
	r.must("up", "--inventory", r.inv, "--no-check")
	out, err := exec.Command(copied(t, r.lab), "up", "--no-check", "--state", r.state).CombinedOutput()
	if exitStatus(err) != 2 || !strings.Contains(string(out), "there is no such program") {
		t.Errorf("%v\n%s", err, out)
	}
	for name, row := range r.rows() {
		if row.State != lab.Ready {
			t.Errorf("%s: %+v", name, row)
		}
	}
}

func TestTwoLabsOnOneMachine(t *testing.T) {
	a, b := newRig(t), newRig(t)
	a.must("up", "--inventory", a.inv, "--no-check")
	b.must("up", "--inventory", b.inv, "--no-check")
	a.must("down")
	a.nothingLeft()
	for name, row := range b.rows() {
		if row.State != lab.Ready {
			t.Errorf("%s of the other lab: %+v", name, row)
		}
	}
}

func TestFollowShowsEachEventOnceAsItComes(t *testing.T) {
	r := newRig(t)
	r.must("up", "--inventory", r.inv, "--no-check")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, r.lab, "events", "-f", "--state", r.state)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	var out testkit.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"ada", "bob", "cy"} {
		signup(t, "http://"+r.inventory().Addresses("authd")[0], id)
		testkit.Until(r.t, id+" is shown", func() bool { return strings.Contains(out.String(), "auth signup "+id+" success\n") })
	}
	if n := strings.Count(out.String(), "\n"); n != 3 {
		t.Errorf("%d lines:\n%s", n, out.String())
	}
	cancel()
	if err := cmd.Wait(); exitStatus(err) != 0 && !strings.Contains(fmt.Sprint(err), "canceled") {
		t.Errorf("^C: %v", err)
	}
}

func TestAnAddressInUseStopsUpBeforeItStarts(t *testing.T) {
	r := newRig(t)
	ln, err := net.Listen("tcp", r.inventory().Addresses("chatd")[0])
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, errOut, err := r.run("up", "--inventory", r.inv)
	if exitStatus(err) != 2 || !strings.Contains(errOut, fmt.Sprintf("process %d", os.Getpid())) || !strings.Contains(errOut, "lab: hint:") {
		t.Errorf("%v\n%s", err, errOut)
	}
	if out, _, err := r.run("doctor", "--inventory", r.inv); exitStatus(err) != 1 || !strings.Contains(out, fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("doctor: %v\n%s", err, out)
	}
}

func TestDoctorIsContentWithTheseBuilds(t *testing.T) {
	r := newRig(t)
	out := r.must("doctor", "--inventory", r.inv, "--json")
	var findings []local.Finding
	if err := json.Unmarshal([]byte(out), &findings); err != nil || len(findings) < 15 {
		t.Errorf("%v\n%s", err, out)
	}
	if slices.ContainsFunc(findings, func(f local.Finding) bool { return f.Result == local.Fail }) {
		t.Errorf("%s", out)
	}
}

// call runs lab inside the test, for what needs no other program.
func call(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errOut bytes.Buffer
	env := &app.Env{Name: "lab", Args: args, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errOut}
	err := run(t.Context(), env)
	app.Report(env, err)
	return out.String(), errOut.String(), app.ExitStatus(err)
}

func TestWrongUseIsStatusTwoWithAHint(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.yml")
	if err := os.WriteFile(bad, []byte("all: {hosts: {a: {}}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		args       []string
		want, hint string
	}{
		"unknown verb":      {[]string{"upp"}, `unknown verb "upp"`, "lab --help"},
		"unknown flag":      {[]string{"up", "--fast"}, "unknown flag: --fast", " up --help`"},
		"argument":          {[]string{"down", "now"}, `unexpected argument "now"`, " down --help`"},
		"unknown target":    {[]string{"up", "--target", "moon"}, `unknown target "moon"`, "--target local"},
		"unknown profile":   {[]string{"machines", "image", "--profile", "debian99"}, `unknown profile "debian99"`, "--profile debian12|"},
		"profile of hosts":  {[]string{"up", "--target", "hosts", "--profile", "debian13"}, "--profile is for target nspawn", "leave it out"},
		"power of hosts":    {[]string{"up", "--target", "hosts", "--power"}, "--power: the power of target hosts cannot be cut", "--target local or nspawn"},
		"no inventory":      {[]string{"up", "--inventory", filepath.Join(dir, "none")}, "no such file", "--inventory"},
		"mistaken one":      {[]string{"up", "--inventory", bad}, "host a: public_address is missing", "add public_address"},
		"doctor of it":      {[]string{"doctor", "--inventory", bad}, "host a: public_address is missing", "add public_address"},
		"odd age":           {[]string{"events", "--since", "soon"}, `--since "soon" is neither`, "10m"},
		"no such category":  {[]string{"events", "--category", "foo"}, `--category "foo": no event has it`, "--category signin|signup|chat"},
		"no such server":    {[]string{"events", "--server", "mail"}, `--server "mail": no event has it`, "--server auth|chat"},
		"from on local":     {[]string{"up", "--from", "zabbix"}, "--from is for target nspawn", "leave it out"},
		"odd folder":        {[]string{"up", "--inventory", "../../../ansible/inventories/local", "--state", filepath.Join(dir, "a?b")}, "its path has one of ?#%", "--state"},
		"negative number":   {[]string{"events", "-n", "-1"}, "-1 is not a number of events", ""},
		"mongod without it": {[]string{"mongod"}, "dir", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, errOut, status := call(t, append([]string{tt.args[0], "--state", filepath.Join(dir, "state")}, tt.args[1:]...)...)
			if status != 2 || !strings.Contains(errOut, "lab: error: ") || !strings.Contains(errOut, tt.want) || !strings.Contains(errOut, tt.hint) {
				t.Errorf("status %d\n%s", status, errOut)
			}
		})
	}
}

func TestPlanHelpAndVersionStartNothing(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	inv := "../../../ansible/inventories/local"
	for want, args := range map[string][]string{
		"CARRIES":          {"up", "--plan", "--inventory", inv},
		"Bring a chat lab": {"--help"},
		"Usage:":           {"up", "--help"},
		"lab ":             {"--version"},
	} {
		if out, errOut, status := call(t, append(args, "--state", state)...); status != 0 || !strings.Contains(out, want) {
			t.Errorf("%v: status %d\n%s%s", args, status, out, errOut)
		}
	}
	if _, err := os.Stat(state); err == nil {
		t.Error("a state folder was made")
	}
}

func TestDownWorksWithABrokenInventoryAndWithoutAState(t *testing.T) {
	if out, errOut, status := call(t, "down", "--state", filepath.Join(t.TempDir(), "none"), "--inventory", "/nowhere"); status != 0 {
		t.Errorf("status %d\n%s%s", status, out, errOut)
	}
}

func TestEscapesOfUsersDoNotReachTheTerminal(t *testing.T) {
	for in, want := range map[string]string{"hi you": "hi you", "a\x1b[2Jb\n": `a\u{1b}[2Jb\u{a}`, "ž 日": "ž 日"} {
		if got := visible(in); got != want {
			t.Errorf("%q shows as %q, want %q", in, got, want)
		}
	}
}

func TestSince(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Time{"": {}, "90s": now.Add(-90 * time.Second), "2026-01-02T03:00:00Z": now.Add(-245 * time.Second)} {
		if got, err := parseSince(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
	for _, text := range []string{"-5m", "yesterday", "0"} {
		if _, err := parseSince(text, now); !errs.Is(err, errs.Usage) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
