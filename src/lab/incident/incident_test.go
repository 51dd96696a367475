package incident

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab/drill"
	"chatlab/src/lab/incident/scenario"
)

func TestEachKindOfFaultHasAMaker(t *testing.T) {
	for _, kind := range scenario.KindNames() {
		if makers[kind] == nil {
			t.Errorf("nothing makes %s", kind)
		}
	}
	if len(makers) != len(scenario.KindNames()) {
		t.Errorf("%d makers for %d kinds", len(makers), len(scenario.KindNames()))
	}
}

var began = time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)

func after(seconds int) time.Time { return began.Add(time.Duration(seconds) * time.Second) }

func TestWhatUsersFeel(t *testing.T) {
	var s senses
	for _, c := range []struct {
		at                   int
		waits                drill.Waits
		chat, signIn, events string
	}{
		{0, drill.Waits{}, OK, OK, OK},
		{2, drill.Waits{Chat: 1500 * time.Millisecond, Backlog: 100}, Slow, OK, OK},
		{5, drill.Waits{SignIn: 6 * time.Second, Backlog: 100}, OK, Failing, OK},
		{7, drill.Waits{Backlog: 200}, OK, OK, Slow},
		{20, drill.Waits{Unknown: true}, OK, OK, Failing}, // a logger that says nothing has what it had
		{22, drill.Waits{}, OK, OK, OK},
		{24, drill.Waits{Backlog: 1}, OK, OK, OK},
	} {
		f := s.feel(c.waits, after(c.at))
		if f.Chat != c.chat || f.SignIn != c.signIn || f.Events != c.events {
			t.Errorf("at %d: %+v", c.at, f)
		}
	}
}

func TestFeelingsSurviveALineThatWasCut(t *testing.T) {
	state := t.TempDir()
	if err := makeFolder(state); err != nil {
		t.Fatal(err)
	}
	for i, word := range []string{OK, OK, Failing} {
		if err := (Feeling{At: after(i), Chat: OK, SignIn: word, Events: OK}).append(state); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.OpenFile(fileOf(state, feelingsName), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteString(`{"at":"2026-`)
	_ = f.Close()
	all := feelings(state)
	if len(all) != 3 || !firstSymptom(all, began.Add(-time.Second)).Equal(after(2)) {
		t.Errorf("%+v", all)
	}
}

// outcome is an incident of ten minutes that was repaired after five.
func outcome() *Outcome {
	return &Outcome{Name: "x", Title: "The <title>", Level: 1, Minutes: 10, Verdict: "repaired", Accounted: true, Findings: "ok",
		Began: began, Symptom: after(4), Answered: after(200), Repaired: after(300), Ended: after(310), Debrief: "So it was.", Solution: []string{"lab start authd"},
		Hints:   []step{{after(60), "Look."}},
		Answers: []answer{{after(100), "logd", "frozen", -1}, {after(200), "authd", "stopped", 0}},
		Checks:  []step{{after(150), "auth.health"}},
		Feelings: []Feeling{{At: began, Chat: OK, SignIn: OK, Events: OK}, {At: after(4), Chat: OK, SignIn: Slow, Events: OK},
			{At: after(6), Chat: OK, SignIn: Failing, Events: OK}, {At: after(302), Chat: OK, SignIn: OK, Events: OK}}, // for minutes nothing was noted
	}
}

func TestTheScore(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Outcome)
		want   int
	}{
		"in time":             {func(*Outcome) {}, 92},
		"two wrong answers":   {func(o *Outcome) { o.Wrong = 2 }, 82},
		"three hints":         {func(o *Outcome) { o.Hints = slices.Repeat(o.Hints, 3) }, 76},
		"no answer":           {func(o *Outcome) { o.Answered = time.Time{} }, 52},
		"repaired at 20 min":  {func(o *Outcome) { o.Repaired = after(1200) }, 77},
		"repaired at 2 hours": {func(o *Outcome) { o.Repaired = after(7200) }, 62},
		"a line lost":         {func(o *Outcome) { o.Lines = 1 }, 87},
		"many lost":           {func(o *Outcome) { o.Events = 1000 }, 72},
		"not accounted":       {func(o *Outcome) { o.Accounted = false }, 72},
		"revealed":            {func(o *Outcome) { o.Repaired, o.Answered = time.Time{}, time.Time{} }, 0},
	} {
		o := outcome()
		if c.change(o); o.score() != c.want {
			t.Errorf("%s: %d points, want %d", name, o.score(), c.want)
		}
	}
}

func TestTheReports(t *testing.T) {
	o := outcome()
	dir := t.TempDir()
	for _, bad := range []string{filepath.Join(dir, "r.pdf"), filepath.Join(dir, "none", "r.html")} {
		if err := CheckFile(bad); !errs.Is(err, errs.Usage) || errs.FixOf(err) == "" {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for _, name := range []string{"r.html", "r.json"} {
		if err := o.Save(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	page, _ := os.ReadFile(filepath.Join(dir, "r.html"))
	for _, want := range []string{"The &lt;title&gt;", "first symptom", "hint 1", "wrong: logd, frozen", "answer: authd, stopped", "not repaired: auth.health", "repaired", "So it was.", `class="failing"`, `class="slow"`} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the page has no %q", want)
		}
	}
	if bytes.Contains(page, []byte("<script")) || bytes.Contains(page, []byte("http")) {
		t.Error("the page needs something else")
	}
	var back Outcome
	text, _ := os.ReadFile(filepath.Join(dir, "r.json"))
	if err := json.Unmarshal(text, &back); err != nil || back.Wrong != o.Wrong || len(back.Feelings) != 4 {
		t.Errorf("%v %+v", err, back)
	}
}

func TestMarksAreDrawnInTheirOrder(t *testing.T) {
	c := newChart(outcome())
	var texts []string
	last := 0.0
	for _, m := range c.Marks {
		if m.X < last {
			t.Errorf("%s is drawn at %.0f, after %.0f", m.Text, m.X, last)
		}
		last = m.X
		texts = append(texts, m.Text)
	}
	want := "fault, first symptom, hint 1, wrong: logd, frozen, not repaired: auth.health, answer: authd, stopped, repaired"
	if got := strings.Join(texts, ", "); got != want {
		t.Errorf("%s", got)
	}
	if len(c.Lanes) != 3 || len(c.Lanes[1].Bars) != 5 {
		t.Errorf("%+v", c.Lanes)
	}
}

func TestRunningTellsTheTimeOnly(t *testing.T) {
	state := t.TempDir()
	if _, running := Running(state); running || Free(state) != nil {
		t.Error("an incident runs in an empty folder")
	}
	if err := makeFolder(state); err != nil {
		t.Fatal(err)
	}
	rec := &record{Name: "secret-cause", Began: began}
	if err := rec.save(state); err != nil {
		t.Fatal(err)
	}
	since, running := Running(state)
	err := Free(state)
	if !running || !since.Equal(began) || !errs.Is(err, errs.Usage) || strings.Contains(err.Error(), "secret-cause") {
		t.Errorf("%s %t %v", since, running, err)
	}
	rec.Ended = after(10)
	if err := rec.save(state); err != nil {
		t.Fatal(err)
	}
	if Free(state) != nil {
		t.Error("it is over")
	}
}

func TestARecordThatCannotBeReadIsNamed(t *testing.T) {
	state := t.TempDir()
	if err := makeFolder(state); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(fileOf(state, recordName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Last(state); !errs.Is(err, errs.Usage) || !strings.Contains(errs.FixOf(err), "lab down") {
		t.Errorf("%v", err)
	}
}
