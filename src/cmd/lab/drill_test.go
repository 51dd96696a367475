package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatlab/src/lab"
	"chatlab/src/lab/drill"
	"chatlab/src/lab/local"
	"chatlab/src/testkit"
)

// drills runs `lab drill --json` and returns its reports.
func (r *rig) drills(args ...string) (reports []drill.Report, stderr string, err error) {
	r.t.Helper()
	out, stderr, err := r.run("drill", append([]string{"--json"}, args...)...)
	if jsonErr := json.Unmarshal([]byte(out), &reports); jsonErr != nil {
		r.t.Fatalf("drill: %v\n%s%s", jsonErr, out, stderr)
	}
	return reports, stderr, err
}

func TestADrillThatLosesEventsSaysHowMany(t *testing.T) {
	r := newRig(t)
	bin := filepath.Join(t.TempDir(), "bin")
	if err := os.CopyFS(bin, os.DirFS(filepath.Dir(r.lab))); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", "drop_unacked", "-o", bin+"/", "chatlab/src/cmd/authd", "chatlab/src/cmd/chatd")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	r.lab = filepath.Join(bin, "lab")
	r.must("up", "--inventory", r.inv, "--no-check")

	// A logger that is killed when nothing is on its way to the disk loses
	// nothing: then it is killed some more.
	lost := 0
	for try := 0; lost == 0 && try < 8; try++ {
		reports, stderr, err := r.drills("kill-logger", "--for", "6s", "--rate", "640")
		if len(reports) != 1 {
			t.Fatalf("%v, %d reports\n%s", err, len(reports), stderr)
		}
		lost = len(r.droppedAndNotStored())
		if got := reports[0]; got.Events.Lost != lost || got.Events.Doubled != 0 || (lost > 0 && (got.OK || exitStatus(err) != 1)) {
			t.Errorf("status %d, the drill says %v, first %v; dropped and not stored were %d", exitStatus(err), &got.Events.Account, got.Events.First, lost)
		}
	}
	if lost == 0 {
		t.Fatal("no event was dropped: nothing was proved")
	}
}

var droppedLine = regexp.MustCompile(`"dropped for a test" line="?1/([0-9a-f]{24})/(.*)`)

// droppedAndNotStored lists the events of drills that the servers say they
// forgot and the log database does not have, by their _id.
func (r *rig) droppedAndNotStored() map[string]string {
	r.t.Helper()
	dropped := map[string]string{}
	for _, name := range []string{"auth-authd", "chat-chatd"} {
		text, err := os.ReadFile(filepath.Join(local.RunDir(r.state), "log", name+".log"))
		if err != nil {
			r.t.Fatal(err)
		}
		for _, m := range droppedLine.FindAllStringSubmatch(string(text), -1) {
			if label := regexp.MustCompile(`^(chat/chat/.*|auth/sign(in|up)/.*)d[0-9a-z]+-([us]\d+|probe)`); label.MatchString(m[2]) {
				dropped[m[1]] = m[2]
			}
		}
	}
	// All of them in one pass: a number of them would be counted first.
	for line := range strings.Lines(r.must("events", "--json", "--since", "1h")) {
		var e struct {
			ID string `json:"_id"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			r.t.Fatal(err)
		}
		maps.DeleteFunc(dropped, func(id, _ string) bool { return id == e.ID })
	}
	return dropped
}

func TestADrillThatIsCutShortIsHealed(t *testing.T) {
	r := newRig(t)
	r.must("up", "--inventory", r.inv, "--no-check")
	start := func() (*exec.Cmd, *testkit.Buffer) {
		var out testkit.Buffer
		cmd := exec.Command(r.lab, "drill", "stop-mongodb", "--for", "5m", "--state", r.state)
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		testkit.Until(r.t, "the log database is stopped", func() bool { return r.journaled() && r.rows()["log/mongodb"].State == lab.Down })
		return cmd, &out
	}

	killed, _ := start()
	if _, errOut, err := r.run("drill", "flood", "--for", "1s"); exitStatus(err) != 2 || !strings.Contains(errOut, "another drill is running on this lab: stop-mongodb") {
		t.Errorf("a second drill meanwhile: %v %s", err, errOut)
	}
	if _, errOut, err := r.run("down"); exitStatus(err) != 2 || !strings.Contains(errOut, "the drill stop-mongodb is running") {
		t.Errorf("down meanwhile: %v %s", err, errOut)
	}
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = killed.Wait()
	_, errOut, _ := r.run("status")
	if !strings.Contains(errOut, "healed 1 faults") {
		t.Errorf("the next command says %q", errOut)
	}
	testkit.Until(r.t, "all is ready", func() bool { return r.allReady() })

	stopped, out := start()
	if err := stopped.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := stopped.Wait(); exitStatus(err) != 130 {
		t.Errorf("^C: %v", err)
	}
	if r.journaled() || !r.allReady() {
		t.Errorf("after ^C: journal %v, %+v\n%s", r.journaled(), r.rows(), out.String())
	}
	for _, said := range []string{"interrupted, healing", "verdict  interrupted"} {
		if !strings.Contains(out.String(), said) {
			t.Errorf("no %q after ^C:\n%s", said, out.String())
		}
	}
}

// journaled tells whether a drill has something to heal.
func (r *rig) journaled() bool {
	_, err := os.Stat(filepath.Join(r.state, "drill.json"))
	return err == nil
}

func (r *rig) allReady() bool {
	for _, row := range r.rows() {
		if row.State != lab.Ready {
			return false
		}
	}
	return true
}

func TestADrillIsRefusedWhereItCannotTell(t *testing.T) {
	r := newRig(t)
	refused := func(why string, args ...string) {
		t.Helper()
		begin := time.Now()
		_, errOut, err := r.run("drill", args...)
		if exitStatus(err) != 2 || !strings.Contains(errOut, why) {
			t.Errorf("drill %v: status %d after %s, not %q:\n%s", args, exitStatus(err), time.Since(begin), why, errOut)
		}
	}
	refused(`no drill "meteor"`, "meteor")
	refused("there are kill-logger, kill-logd", "meteor")
	refused(`no drill "kil-chatd"; did you mean kill-chatd?`, "kil-chatd")
	refused("--rate 1 must be at least half of --users 32", "flood", "--rate", "1")
	refused("--for -1s must be more than 0", "flood", "--for", "-1s")
	refused("no lab in "+r.state, "flood", "--inventory", r.inv)

	r.must("up", "--inventory", r.inv, "--no-check")
	refused("--rate 100000 with --users 10 is more than the 20 lines a second", "flood", "--rate", "100000", "--users", "10")
	pid := r.rows()["log/logd"].PID
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	refused("the lab is not well before the drill: ", "flood", "--for", "1s")
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	reports, errOut, err := r.drills("flood", "--for", "1s")
	if err != nil || len(reports) != 1 || !reports[0].OK {
		t.Errorf("%v %+v\n%s", err, reports, errOut)
	}
	if fmt.Sprint(reports[0].Refused) == "map[]" {
		t.Error("nobody was refused in a flood")
	}
}
