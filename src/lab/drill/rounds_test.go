package drill

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
)

// struck is a run on a recorder, whose users are served at once.
func struck(t *testing.T, caller context.Context) (*run, *recorder) {
	t.Helper()
	target := &recorder{}
	l := &lab.Lab{Inventory: localInventory(t), Target: target}
	j, err := openJournal(t.TempDir(), "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(j.close)
	return &run{
		caller: caller, lab: l, journal: j, report: reportOf(func(*Report) {}),
		probe: &probe{login: func(context.Context) (string, error) { return "t", nil }},
	}, target
}

// over is a drill's time that is over.
func over(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithDeadline(t.Context(), time.Now())
	t.Cleanup(cancel)
	return ctx
}

func TestARoundIsFinishedHoweverShortTheDrillIs(t *testing.T) {
	r, target := struck(t, t.Context())
	said := []string{}
	r.opt.Progress = func(line string) { said = append(said, line) }
	faults := []fault{}
	for _, service := range []string{inventory.Authd, inventory.Chatd, inventory.Logd} {
		faults = append(faults, r.on("log", service, lab.Kill, "", 0))
	}
	if err := r.rounds(over(t), 0, faults); err != nil {
		t.Fatal(err)
	}
	if want := []string{"kill authd", "kill chatd", "kill logd"}; !slices.Equal(target.done, want) {
		t.Errorf("made %q, want %q", target.done, want)
	}
	if r.finish(); r.report.Verdict != "ok" || r.report.Faults != 3 {
		t.Errorf("%s after %d faults", r.report.Verdict, r.report.Faults)
	}
	if !slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, "a round of 3 faults takes longer") }) {
		t.Errorf("%q does not say that it takes longer", said)
	}
}

// finish finishes the report of a drill that went well.
func (r *run) finish() { r.report.finish(nil) }

func TestARoundThatIsNotFinishedIsIncomplete(t *testing.T) {
	caller, interrupt := context.WithCancel(t.Context())
	r, target := struck(t, caller)
	last := r.on("log", inventory.Chatd, lab.Kill, "", 0)
	last.after = interrupt
	faults := []fault{r.on("log", inventory.Authd, lab.Kill, "", 0), last, r.on("log", inventory.Logd, lab.Kill, "", 0)}
	if err := r.round(t.Context(), faults); err != nil {
		t.Fatal(err)
	}
	if len(target.done) != 2 || r.report.Round != (Round{Faults: 3, Done: 2}) {
		t.Errorf("made %q, %+v", target.done, r.report.Round)
	}
	if r.finish(); r.report.OK || r.report.Verdict != "incomplete" {
		t.Errorf("%q", r.report.Verdict)
	}
	r.report.Interrupted = true
	if r.finish(); r.report.OK || r.report.Verdict != "interrupted" {
		t.Errorf("%q", r.report.Verdict)
	}
	r.report.Events.add(lost, 1, "p.7")
	if r.finish(); r.report.Verdict != "FAILED: lost" {
		t.Errorf("%q", r.report.Verdict)
	}
}

func TestRoundsGoOnWhileTheDrillLasts(t *testing.T) {
	r, target := struck(t, t.Context())
	ctx, end := context.WithTimeout(t.Context(), time.Hour)
	defer end()
	first := r.on("log", inventory.Authd, lab.Kill, "", 0)
	first.after = func() {
		if len(target.done) == 3 {
			end()
		}
	}
	if err := r.rounds(ctx, time.Millisecond, []fault{first, r.on("log", inventory.Logd, lab.Kill, "", 0)}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"kill authd", "kill logd", "kill authd"}; !slices.Equal(target.done, want) {
		t.Errorf("made %q", target.done)
	}
}

func TestAnUnknownDrillSuggestsTheNearestName(t *testing.T) {
	for name, want := range map[string]string{"kil-chatd": "kill-chatd", "restartall": "restart-all", "meteor": "", "floot": "flood"} {
		_, err := Find([]string{name})
		if err == nil || strings.Contains(err.Error(), "did you mean "+want+"?") != (want != "") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheDrillThatRunsIsNamed(t *testing.T) {
	state := t.TempDir()
	if got := Running(state); got != "" {
		t.Errorf("%q", got)
	}
	j, err := openJournal(state, "flood")
	if err != nil {
		t.Fatal(err)
	}
	if got := Running(state); got != "flood" {
		t.Errorf("%q", got)
	}
	j.close()
	if got := Running(state); got != "" {
		t.Errorf("%q after its end", got)
	}
}
