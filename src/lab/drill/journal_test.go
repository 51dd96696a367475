package drill

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
)

// recorder is a target of one node that notes every action on it.
type recorder struct {
	lab.Target
	down bool
	fail string // the action on this service fails
	done []string
}

func (r *recorder) Name() string { return "recorder" }

func (r *recorder) Status(context.Context) ([]lab.ServiceStatus, error) {
	row := lab.ServiceStatus{Node: "log", Service: inventory.Logd, PID: 7}
	if r.down {
		row.PID = 0
	}
	return []lab.ServiceStatus{row}, nil
}

func (r *recorder) Host(string) (lab.Host, error) { return recorderHost{r}, nil }

type recorderHost struct{ r *recorder }

func (h recorderHost) Name() string { return "log" }

func (h recorderHost) Run(context.Context, ...string) (string, error) {
	return "", errors.New("not in this test")
}

func (h recorderHost) Do(_ context.Context, service string, a lab.Action) error {
	if service == h.r.fail {
		return errs.E(errs.Failed, "%s does not %s", service, a)
	}
	h.r.done = append(h.r.done, string(a)+" "+service)
	return nil
}

func (h recorderHost) Dir(string) (string, error) { return "/nowhere", nil }

func (h recorderHost) Override(_ context.Context, service string, settings map[string]any) error {
	if settings == nil {
		h.r.done = append(h.r.done, "restore "+service)
	}
	return nil
}

// cutShort leaves a journal as a drill that was killed leaves it.
func cutShort(t *testing.T, steps ...undo) (state string) {
	t.Helper()
	state = t.TempDir()
	j, err := openJournal(state, "flood")
	if err != nil {
		t.Fatal(err)
	}
	defer j.close()
	if err := j.add(steps); err != nil {
		t.Fatal(err)
	}
	return state
}

func journalText(state string) string {
	text, _ := os.ReadFile(filepath.Join(state, journalName))
	return string(text)
}

func TestWhatAKilledDrillLeftIsUndoneTheLastFirst(t *testing.T) {
	file := filepath.Join(t.TempDir(), "jwt.key")
	state := cutShort(t,
		undo{Node: "log", Service: inventory.Logd, Action: lab.Start},
		undo{Node: "log", Service: chatLogger, Restore: true},
		undo{File: file, Content: []byte("old key")})
	r := &recorder{}
	n, err := Heal(t.Context(), &lab.Lab{Target: r}, state)
	if err != nil || n != 3 {
		t.Fatalf("%d %v", n, err)
	}
	if want := []string{"restore " + chatLogger, "start logd"}; !slices.Equal(r.done, want) {
		t.Errorf("done %v, want %v", r.done, want)
	}
	text, err := os.ReadFile(file)
	if err != nil || string(text) != "old key" {
		t.Errorf("%q %v", text, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if left := journalText(state); left != "" {
		t.Errorf("left in the journal: %s", left)
	}
	if n, err := Heal(t.Context(), &lab.Lab{Target: r}, state); n != 0 || err != nil {
		t.Errorf("the second time: %d %v", n, err)
	}
}

func TestOfALabThatIsDownOnlyFilesArePutBack(t *testing.T) {
	file := filepath.Join(t.TempDir(), "jwt.key")
	state := cutShort(t, undo{Node: "log", Service: inventory.Logd, Action: lab.Thaw}, undo{File: file, Content: []byte("k")})
	r := &recorder{down: true}
	if n, err := Heal(t.Context(), &lab.Lab{Target: r}, state); n != 1 || err != nil || len(r.done) > 0 {
		t.Errorf("%d %v %v", n, err, r.done)
	}
	if left := journalText(state); left != "" {
		t.Errorf("left in the journal: %s", left)
	}
}

func TestAHealThatFailsStaysInTheJournal(t *testing.T) {
	state := cutShort(t, undo{Node: "log", Service: inventory.Logd, Action: lab.Start}, undo{Node: "log", Service: "authd", Action: lab.Thaw})
	r := &recorder{fail: inventory.Logd}
	if _, err := Heal(t.Context(), &lab.Lab{Target: r}, state); err == nil || !strings.Contains(err.Error(), "logd does not start") {
		t.Errorf("%v", err)
	}
	if left := journalText(state); !strings.Contains(left, "logd") || strings.Contains(left, "authd") {
		t.Errorf("journal: %s", left)
	}
}

func TestARunningDrillKeepsItsJournal(t *testing.T) {
	state := t.TempDir()
	j, err := openJournal(state, "flood")
	if err != nil {
		t.Fatal(err)
	}
	if err := j.add([]undo{{Node: "log", Service: inventory.Logd, Action: lab.Start}}); err != nil {
		t.Fatal(err)
	}
	if _, err := openJournal(state, "flood"); !errs.Is(err, errs.Usage) || !strings.Contains(err.Error(), "another drill") {
		t.Errorf("the second drill: %v", err)
	}
	r := &recorder{}
	if n, err := Heal(t.Context(), &lab.Lab{Target: r}, state); n != 0 || err != nil || len(r.done) > 0 {
		t.Errorf("heal beside a running drill: %d %v %v", n, err, r.done)
	}
	j.close()
	if n, err := Heal(t.Context(), &lab.Lab{Target: r}, state); n != 1 || err != nil {
		t.Errorf("heal after it: %d %v", n, err)
	}
}

func TestABrokenJournalIsNamed(t *testing.T) {
	state := t.TempDir()
	if err := os.WriteFile(filepath.Join(state, journalName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Heal(t.Context(), &lab.Lab{Target: &recorder{}}, state); !errs.Is(err, errs.Usage) || !strings.Contains(err.Error(), journalName) {
		t.Errorf("%v", err)
	}
}

// booted is a lab whose machines are up once all of them were switched on.
type booted struct {
	lab.Target
	all *sync.WaitGroup
}

func (b booted) Host(string) (lab.Host, error) { return bootHost{all: b.all}, nil }

type bootHost struct {
	lab.Host
	all *sync.WaitGroup
}

func (bootHost) PowerOff(context.Context) error { return nil }

func (h bootHost) PowerOn(ctx context.Context) error {
	h.all.Done()
	up := make(chan struct{})
	go func() { h.all.Wait(); close(up) }()
	select {
	case <-up:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestMachinesBootTogether(t *testing.T) {
	j, err := openJournal(t.TempDir(), "flood")
	if err != nil {
		t.Fatal(err)
	}
	defer j.close()
	steps := []undo{{Node: "log", PowerOn: true}, {Node: "chat", PowerOn: true}, {Node: "auth", PowerOn: true}}
	if err := j.add(steps); err != nil {
		t.Fatal(err)
	}
	all := &sync.WaitGroup{}
	all.Add(len(steps))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := healSteps(ctx, &lab.Lab{Target: booted{all: all}}, j, steps); err != nil || len(j.open) != 0 {
		t.Errorf("%v, %d steps are left", err, len(j.open))
	}
}

func TestALabThatWasTakenDownKeepsOnlyFilesInTheJournal(t *testing.T) {
	state := cutShort(t, undo{Node: "log", PowerOn: true}, undo{File: "jwt.key", Content: []byte("k")})
	if err := Forget(state); err != nil {
		t.Fatal(err)
	}
	if left := journalText(state); !strings.Contains(left, "jwt.key") || strings.Contains(left, "power_on") {
		t.Errorf("journal: %s", left)
	}
	if err := Forget(t.TempDir()); err != nil {
		t.Error(err)
	}
}

func TestAMachineIsBootedWhenNoServiceRuns(t *testing.T) {
	state := cutShort(t, undo{Node: "log", PowerOn: true})
	all := &sync.WaitGroup{}
	all.Add(1)
	if n, err := Heal(t.Context(), &lab.Lab{Target: booted{Target: &recorder{down: true}, all: all}}, state); n != 1 || err != nil {
		t.Errorf("%d %v", n, err)
	}
}

func TestPurgeRemovesWhatADrillLeaves(t *testing.T) {
	state := filepath.Join(t.TempDir(), "lab")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	j, err := openJournal(state, "flood")
	if err != nil {
		t.Fatal(err)
	}
	if err := j.add([]undo{{Node: "log", Service: inventory.Logd, Action: lab.Start}}); err != nil {
		t.Fatal(err)
	}
	j.close()
	if err := lab.Purge(state); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(state); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left in the state folder: %v (%v)", left, err)
	}
}
