package supervisor_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/local/proc"
	"chatlab/src/lab/local/supervisor"
	"chatlab/src/testkit"
)

func TestServicesStartInOrderAndStopInReverse(t *testing.T) {
	r := newRig(t)
	r.add("db", nil)
	r.add("api", []string{"db"})
	r.add("web", []string{"api"})
	r.start()
	r.untilState("web", lab.Ready)
	if err := supervisor.Shutdown(t.Context(), r.dir); err != nil {
		t.Fatal(err)
	}
	if err := <-r.ended; err != nil {
		t.Fatal(err)
	}
	want := []string{"start-db", "start-api", "start-web", "stop-web", "stop-api", "stop-db"}
	if got := r.lines(); !slices.Equal(got, want) {
		t.Errorf("happened %v, want %v", got, want)
	}
	if _, alive := supervisor.Alive(r.dir); alive {
		t.Error("the lock is held after the end")
	}
}

func TestAKilledServiceIsRunningAgainSoonEachTime(t *testing.T) {
	r := newRig(t)
	r.add("api", nil)
	r.start()
	before := r.untilState("api", lab.Ready)
	for n := 1; n <= 5; n++ {
		begin := time.Now()
		if err := supervisor.Do(t.Context(), r.dir, "n", "api", lab.Kill); err != nil {
			t.Fatal(err)
		}
		after := r.untilState("api", lab.Ready)
		if after.PID == before.PID || after.Restarts != n {
			t.Fatalf("kill %d: pid %d → %d, %d restarts", n, before.PID, after.PID, after.Restarts)
		}
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("kill %d was healed after %s", n, took)
		}
		before = after
	}
}

func TestAServiceThatNeverGetsReadyIsFailingWithItsReason(t *testing.T) {
	r := newRig(t)
	svc := r.add("api", nil)
	r.plan.Services[0].Argv = []string{os.Args[0], "fake", "crash"}
	r.add("web", []string{"api"})
	r.start()
	var s supervisor.Status
	testkit.Until(r.t, "three failures", func() bool { s = r.service("api"); return s.Failures >= 3 })
	if s.State != lab.Failing || s.Reason != "exit status 2" || s.Log != svc.Log {
		t.Errorf("status %+v", s)
	}
	if s := r.service("web"); s.State != lab.Starting || s.PID != 0 {
		t.Errorf("web was started before what it needs: %+v", s)
	}
}

func TestAMissingProgramIsFailingWithItsReason(t *testing.T) {
	r := newRig(t)
	r.add("api", nil)
	r.plan.Services[0].Argv = []string{filepath.Join(r.dir, "nothing")}
	r.start()
	if s := r.untilState("api", lab.Failing); !strings.Contains(s.Reason, "no such file") {
		t.Errorf("reason %q", s.Reason)
	}
}

func TestActionsOnAService(t *testing.T) {
	r := newRig(t)
	r.add("api", nil)
	r.start()
	first := r.untilState("api", lab.Ready)
	do := func(a lab.Action) {
		t.Helper()
		if err := supervisor.Do(t.Context(), r.dir, "n", "api", a); err != nil {
			t.Fatalf("%s: %v", a, err)
		}
	}
	do(lab.Freeze)
	r.untilState("api", lab.Frozen)
	do(lab.Thaw)
	if s := r.untilState("api", lab.Ready); s.PID != first.PID {
		t.Errorf("thawed pid %d, was %d", s.PID, first.PID)
	}
	do(lab.Restart)
	if s := r.service("api"); s.State != lab.Ready || s.PID == first.PID {
		t.Errorf("after restart %+v", s)
	}
	do(lab.Freeze)
	do(lab.Stop)
	if s := r.service("api"); s.State != lab.Down || s.PID != 0 {
		t.Errorf("after stop %+v", s)
	}
	do(lab.Start)
	if s := r.service("api"); s.State != lab.Ready {
		t.Errorf("after start %+v", s)
	}
	if err := supervisor.Do(t.Context(), r.dir, "n", "other", lab.Kill); !errs.Is(err, errs.NotFound) {
		t.Errorf("unknown service: %v", err)
	}
	if err := supervisor.Do(t.Context(), r.dir, "n", "api", "dance"); !errs.Is(err, errs.Usage) {
		t.Errorf("unknown action: %v", err)
	}
}

func TestAFrozenServiceStopsInGoodOrder(t *testing.T) {
	r := newRig(t)
	r.add("api", nil)
	r.start()
	r.untilState("api", lab.Ready)
	if err := supervisor.Do(t.Context(), r.dir, "n", "api", lab.Freeze); err != nil {
		t.Fatal(err)
	}
	if err := supervisor.Shutdown(t.Context(), r.dir); err != nil {
		t.Fatal(err)
	}
	<-r.ended
	if got := r.lines(); !slices.Contains(got, "stop-api") {
		t.Errorf("happened %v", got)
	}
}

func TestOrphansOfAServiceDoNotOutliveTheSupervisor(t *testing.T) {
	r := newRig(t)
	r.add("api", nil, "--orphan")
	r.start()
	r.untilState("api", lab.Ready)
	if err := supervisor.Do(t.Context(), r.dir, "n", "api", lab.Kill); err != nil {
		t.Fatal(err)
	}
	r.untilState("api", lab.Ready)
	if n := len(supervisor.Marked(r.dir)); n != 4 { // supervisor, api, its child, the orphan
		t.Errorf("%d processes carry the mark", n)
	}
	if err := supervisor.Shutdown(t.Context(), r.dir); err != nil {
		t.Fatal(err)
	}
	<-r.ended
	if left := supervisor.Marked(r.dir); len(left) != 0 {
		t.Errorf("left: %+v", left)
	}
}

func TestServicesDieWithAKilledSupervisorAndTheRestIsFound(t *testing.T) {
	r := newRig(t)
	r.add("api", nil, "--orphan")
	r.start()
	s := r.untilState("api", lab.Ready)
	if err := r.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-r.ended
	testkit.Until(r.t, "the service is gone", func() bool { p, err := proc.Get(s.PID); return err != nil || p.Zombie() })
	if _, alive := supervisor.Alive(r.dir); alive {
		t.Error("a killed supervisor holds the lock")
	}
	found, err := supervisor.KillMarked(r.dir)
	if err != nil || len(found) != 1 || len(supervisor.Marked(r.dir)) != 0 {
		t.Errorf("found %+v, %v", found, err)
	}
	r.start() // and the folder can be used again
	r.untilState("api", lab.Ready)
}

func TestOrphansAreReaped(t *testing.T) {
	r := newRig(t)
	r.add("api", nil, "--orphan")
	r.start()
	s := r.untilState("api", lab.Ready)
	child := proc.Children(s.PID)[0]
	if err := supervisor.Do(t.Context(), r.dir, "n", "api", lab.Kill); err != nil {
		t.Fatal(err)
	}
	if err := child.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	testkit.Until(r.t, "no zombie is left", func() bool { _, err := proc.Get(child.PID); return err != nil })
}

func TestOneSupervisorAFolder(t *testing.T) {
	r := newRig(t)
	r.add("api", nil)
	r.start()
	pid, alive := supervisor.Alive(r.dir)
	if !alive || pid != r.cmd.Process.Pid {
		t.Errorf("alive %v, pid %d, want %d", alive, pid, r.cmd.Process.Pid)
	}
	out, err := exec.Command(os.Args[0], "fake", "supervisor", "--dir", r.dir).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "holds") {
		t.Errorf("a second supervisor: %v %s", err, out)
	}
}

func TestTheSocketIsForItsOwnerOnlyAndWorksInDeepFolders(t *testing.T) {
	r := newRig(t)
	r.dir = filepath.Join(r.dir, strings.Repeat("deep/", 40))
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	r.add("api", nil)
	r.start()
	info, err := os.Stat(filepath.Join(r.dir, "control.sock"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}

func TestTheUsersOwnVariablesDoNotReachTheServices(t *testing.T) {
	t.Setenv("AUTHD_LISTEN", "somewhere")
	r := newRig(t)
	r.add("api", nil)
	r.start()
	s := r.untilState("api", lab.Ready)
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", s.PID))
	if err != nil || strings.Contains(string(environ), "AUTHD_LISTEN") {
		t.Errorf("%v %q", err, environ)
	}
}

func TestAPlanThatCannotBeReadIsNamed(t *testing.T) {
	dir := t.TempDir()
	if _, err := supervisor.LoadPlan(dir); !errs.Is(err, errs.NotFound) {
		t.Errorf("no plan: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "plan.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := supervisor.LoadPlan(dir); !errs.Is(err, errs.Failed) || errs.FixOf(err) == "" {
		t.Errorf("torn plan: %v", err)
	}
}

func TestAHaltedNodeIsDeadUntilItIsStarted(t *testing.T) {
	r := newRig(t)
	r.add("api", nil, "--orphan", "--deaf")
	r.add("web", nil)
	r.start()
	r.untilState("api", lab.Ready)
	r.untilState("web", lab.Ready)
	if err := supervisor.Halt(t.Context(), r.dir, "other"); err != nil || r.service("api").State != lab.Ready {
		t.Errorf("a node without services: %v", err)
	}
	group := r.service("api").PID
	if err := supervisor.Halt(t.Context(), r.dir, "n"); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(-group, 0); err != syscall.ESRCH {
		t.Errorf("processes of the group are left: %v", err)
	}
	if err := supervisor.Do(t.Context(), r.dir, "n", "api", lab.Halt); err != nil {
		t.Errorf("once more: %v", err)
	}
	for _, name := range []string{"api", "web"} {
		if s := r.service(name); s.State != lab.Down || s.PID != 0 || s.Restarts != 0 {
			t.Errorf("after the halt: %+v", s)
		}
		if err := supervisor.Do(t.Context(), r.dir, "n", name, lab.Start); err != nil {
			t.Error(err)
		}
	}
}
