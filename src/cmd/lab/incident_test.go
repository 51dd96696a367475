package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"chatlab/src/app"
	"chatlab/src/files"
	"chatlab/src/lab/incident"
	"chatlab/src/lab/local"
	"chatlab/src/lab/local/supervisor"
	"chatlab/src/testkit"
)

// incident runs `lab incident WORDS…` on the rig's lab.
func (r *rig) incident(words ...string) (stdout, stderr string, err error) {
	return r.run("incident", words...)
}

func usersPID(state string) int {
	pid, live := files.Holder(filepath.Join(state, incident.Folder, "users.lock"))
	if !live {
		return 0
	}
	return pid
}

func TestIncidentsAreRehearsedOnARealLab(t *testing.T) {
	r := newRig(t)
	r.must("up", "--inventory", r.inv, "--no-check")
	out, errOut, err := r.incident("rehearse", "closed-door", "stuck-pen")
	t.Logf("%s%s", out, errOut)
	if err != nil || strings.Count(out, ": ok: ") != 2 {
		t.Errorf("%v", err)
	}
	text, err := os.ReadFile("../../lab/incident/scenario/library/closed-door.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []struct{ from, to, why, wait string }{
		{"checks: [auth.health, auth.login]", "checks: [chat.echo]", "the symptom does not show", "4s"},
		{"lab start authd", "lab start chatd", "the lab is not repaired", "15s"},
		{"lab start authd", "lab start nothing", "the solution fails", "1m"},
	} {
		file := filepath.Join(t.TempDir(), "own.yml")
		own := strings.Replace(string(text), bad.from, bad.to, 1)
		if own == string(text) {
			t.Fatalf("%q is not in the scenario", bad.from)
		}
		if bad.why == "the symptom does not show" {
			own = strings.ReplaceAll(own, "kind: stop, service: authd", "kind: stop, service: healthd")
			own = strings.ReplaceAll(own, "users: [sign-in]", "users: []")
		}
		if err := os.WriteFile(file, []byte(own), 0o600); err != nil {
			t.Fatal(err)
		}
		out, errOut, err := r.incident("rehearse", "--file", file, "--wait", bad.wait)
		if exitStatus(err) != 1 || !strings.Contains(out, bad.why) {
			t.Errorf("%s: %v\n%s%s", bad.why, err, out, errOut)
		}
	}
	if out, errOut, err := r.run("check"); err != nil {
		t.Errorf("the lab is not well after the rehearsals: %v\n%s%s", err, out, errOut)
	}
}

func TestAPersonPlaysAnIncident(t *testing.T) {
	r := newRig(t)
	r.must("up", "--inventory", r.inv, "--no-check")
	out := r.must("incident", "start", "--level", "1", "--seed", "1")
	name := recordedIncident(t, r.state)
	if strings.Contains(out, name) || !strings.Contains(out, "incident answer") {
		t.Errorf("the incident %s begins with\n%s", name, out)
	}
	for _, refused := range [][]string{{"incident", "start"}, {"drill", "kill-logd", "--for", "1s"}, {"up"}} {
		if _, errOut, err := r.run(refused[0], refused[1:]...); exitStatus(err) != 2 || !strings.Contains(errOut, "an incident has been running") {
			t.Errorf("%v: %v %s", refused, err, errOut)
		}
	}
	r.usersComeBack()
	if out := r.must("incident", "hint"); !strings.Contains(out, "more)") {
		t.Errorf("hint: %s", out)
	}
	part, kind := answerOf(t, name)
	if out := r.must("incident", "answer", part, "clock"); !strings.Contains(out, "wrong") {
		t.Errorf("answer: %s", out)
	}
	if _, errOut, err := r.incident("answer", "nobody", kind); exitStatus(err) != 2 || !strings.Contains(errOut, "no part") {
		t.Errorf("answer: %v %s", err, errOut)
	}
	if out := r.must("incident", "answer", part, kind); !strings.Contains(out, "right") {
		t.Errorf("answer: %s", out)
	}
	if _, errOut, err := r.incident("check"); exitStatus(err) != 1 || !strings.Contains(errOut, "not repaired") {
		t.Errorf("check before the repair: %v %s", err, errOut)
	}
	r.must("start", part)
	report := filepath.Join(t.TempDir(), "r.json")
	r.must("incident", "check", "--report", report)
	var is incident.Outcome
	text, err := os.ReadFile(report)
	if err == nil {
		err = json.Unmarshal(text, &is)
	}
	if err != nil || is.Verdict != "repaired" || is.Name != name || is.Wrong != 1 || is.Score < 50 || is.Lines+is.Events+is.Users > 0 {
		t.Errorf("%v %+v", err, is)
	}
	if pid := usersPID(r.state); pid != 0 {
		t.Errorf("the users' process %d is left", pid)
	}
}

// usersComeBack kills the process of the users: status says so, and another one begins.
func (r *rig) usersComeBack() {
	r.t.Helper()
	before := usersPID(r.state)
	if before == 0 {
		r.t.Fatal("no process of users")
	}
	_ = syscall.Kill(before, syscall.SIGKILL)
	testkit.Until(r.t, "the users' process is gone", func() bool { return usersPID(r.state) == 0 })
	if out := r.must("incident", "status"); !strings.Contains(out, "had ended") {
		r.t.Errorf("status: %s", out)
	}
	testkit.Until(r.t, "there is another one", func() bool { return usersPID(r.state) != 0 })
}

func TestDownAndUpHealAnIncident(t *testing.T) {
	r := newRig(t)
	r.must("up", "--inventory", r.inv, "--no-check")
	r.must("incident", "start", "strangers")
	r.must("down")
	if pid := usersPID(r.state); pid != 0 {
		t.Errorf("the users' process %d is left", pid)
	}
	r.nothingLeft()
	r.must("up") // with its checks
	if _, errOut, err := r.incident("hint"); exitStatus(err) != 2 || !strings.Contains(errOut, "over") {
		t.Errorf("hint: %v %s", err, errOut)
	}
	if left, _ := filepath.Glob(filepath.Join(r.state, "local", "data", "*", "*", "token.key")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	r.must("incident", "start", "wrong-address")
	r.killAll()
	r.must("up")
	r.must("down", "--purge")
	if _, err := os.Stat(r.state); err == nil {
		t.Error("purge left the state folder")
	}
}

// killAll is what a reboot does to the lab and the users.
func (r *rig) killAll() {
	r.t.Helper()
	if pid := usersPID(r.state); pid > 0 {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	pid, _ := supervisor.Alive(local.RunDir(r.state))
	_ = syscall.Kill(pid, syscall.SIGKILL) // its services die with it
	testkit.Until(r.t, "the users' process is gone", func() bool { return usersPID(r.state) == 0 })
}

func TestAStartThatWasKilledIsHealed(t *testing.T) {
	r := newRig(t)
	r.must("up", "--inventory", r.inv, "--no-check")
	cmd := exec.Command(r.lab, "incident", "start", "revolving-door", "--state", r.state)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	testkit.Until(t, "authd fails", func() bool { return r.rows()["auth/authd"].Restarts > 0 })
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if _, errOut, err := r.incident("hint"); exitStatus(err) != 2 || !strings.Contains(errOut, "no incident runs") {
		t.Errorf("hint: %v %s", err, errOut)
	}
	r.must("check", "auth")
	if pid := usersPID(r.state); pid != 0 {
		t.Errorf("the users' process %d is left", pid)
	}
}

func TestEmbeddedIncidentsAskForChecksThatThereAre(t *testing.T) {
	files, err := filepath.Glob("../../lab/incident/scenario/library/*.yml")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d scenarios, %v", len(files), err)
	}
	var out, errOut bytes.Buffer
	env := &app.Env{Name: "lab", Args: append([]string{"incident", "validate"}, files...), Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errOut}
	if err := run(t.Context(), env); err != nil || strings.Count(out.String(), ": ok, ") != len(files) {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func recordedIncident(t *testing.T, state string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(state, incident.Folder, "record.json"))
	var rec struct{ Name string }
	if err == nil {
		err = json.Unmarshal(text, &rec)
	}
	if err != nil {
		t.Fatal(err)
	}
	return rec.Name
}

// answerOf returns a right answer of an incident of level 1 whose part can be started.
func answerOf(t *testing.T, name string) (part, kind string) {
	t.Helper()
	answers := map[string][2]string{"closed-door": {"authd", "stopped"}, "empty-diary": {"mongodb", "stopped"}}
	is, ok := answers[name]
	if !ok {
		t.Fatalf("seed 1 draws %s: choose a seed that draws one of %v", name, answers)
	}
	return is[0], is[1]
}
