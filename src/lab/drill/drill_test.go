package drill

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
)

func TestFindKeepsTheOrderAndNamesWhatThereIs(t *testing.T) {
	drills, err := Find([]string{"flood", "kill-logd"})
	if err != nil || len(drills) != 2 || drills[0].Name != "kill-logd" {
		t.Errorf("%v %v", drills, err)
	}
	every, err := Find(nil)
	if err != nil || len(every) != len(Catalogue())-1 {
		t.Errorf("without a name: %d drills, %v", len(every), err)
	}
	_, err = Find([]string{"kill-logd", "meteor"})
	if !errs.Is(err, errs.Usage) || !strings.Contains(err.Error(), "meteor") {
		t.Errorf("%v", err)
	}
	for _, d := range Catalogue() {
		if !strings.Contains(errs.FixOf(err), d.Name) {
			t.Errorf("the fix does not name %s", d.Name)
		}
	}
}

func localInventory(t *testing.T) *inventory.Inventory {
	t.Helper()
	inv, err := inventory.Load("../../../ansible/inventories/local")
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func TestADrillThatALabCannotDoSaysWhy(t *testing.T) {
	l := &lab.Lab{Inventory: localInventory(t), Target: &recorder{}}
	cannot := map[string]string{"stop-mariadb": "no mariadb", "partition": "cable", "packet-loss": "cable", "power-off": "power", "power-cut": "power", "lost-disk": "three of chatd", "old-copy": "three of chatd", "pause-leader": "three of chatd", "disk-full": "disk", "crash-and-power": "not three of chatd", "split-network": "not three of authd", "lost-quorum": "not three of authd"}
	for _, d := range Catalogue() {
		why, want := d.Skipped(l), cannot[d.Name]
		if (why != "") != (want != "") || !strings.Contains(why, want) {
			t.Errorf("%s: %q", d.Name, why)
		}
	}
}

func TestTheSameSeedMakesTheSameFaults(t *testing.T) {
	r := &run{lab: &lab.Lab{Inventory: localInventory(t), Target: &recorder{}}}
	draw := func(seed uint64) (names []string) {
		rng := rand.New(rand.NewPCG(seed, seed))
		for range 200 {
			f := r.random(rng)
			names = append(names, f.name+" "+f.hold.String())
		}
		return names
	}
	first := draw(1)
	if !slices.Equal(first, draw(1)) {
		t.Error("seed 1 makes other faults the second time")
	}
	if slices.Equal(first, draw(2)) {
		t.Error("seeds 1 and 2 make the same faults")
	}
	for _, kind := range []string{"kill", "freeze", "stop", "users stop reading", "floods"} {
		if !slices.ContainsFunc(first, func(name string) bool { return strings.Contains(name, kind) }) {
			t.Errorf("200 random faults have no %q", kind)
		}
	}
}

func TestUnderTheLoadAloneNobodyIsRefused(t *testing.T) {
	for code, ok := range map[errs.Code]bool{errs.RateLimited: true, errs.Unavailable: false, errs.Shutdown: false} {
		r := &run{report: reportOf(func(r *Report) { r.Refused = map[errs.Code]int{code: 1} })}
		ctx, interrupt := context.WithCancel(t.Context())
		interrupt()
		if err := none().act(ctx, r); err != nil || len(r.expect) != 1 {
			t.Fatalf("%v, %d expectations", err, len(r.expect))
		}
		if err := r.expect[0](ctx); (err == nil) != ok {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// report is one of a drill that went well, changed.
func reportOf(change func(*Report)) *Report {
	r := newReport("flood", Options{Recovery: 2 * time.Second})
	r.Totals = Totals{Sent: 2, Acked: 2, Lines: 2}
	r.Events.Stored = 2
	r.ChatLogs = []ChatLog{{Server: "chat", Stored: 2}}
	r.Readers = Views{Readers: 2, Lines: 2}
	change(r)
	return r
}

func TestTheVerdictFailsForEachThingThatIsWrong(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Report)
		shown  string
	}{
		"lost":      {func(r *Report) { r.ChatLogs[0].add(lost, 1, "p.7") }, "FAILED: lost\n"},
		"named":     {func(r *Report) { r.ChatLogs[0].add(lost, 1, "p.7") }, "first of chat log at chat: p.7"},
		"doubled":   {func(r *Report) { r.Events.add(doubled, 1, "p.7") }, "FAILED: doubled\n"},
		"missing":   {func(r *Report) { r.Readers.add(missing, 1, "p.7") }, "FAILED: missing\n"},
		"two words": {func(r *Report) { r.Readers.add(reordered, 1, "p.7"); r.Events.add(late, 1, "p.7") }, "FAILED: reordered, late\n"},
		"users":     {func(r *Report) { r.Users = Users{SignedUp: 2, Lost: 1, First: "kim: no"} }, "first of users: kim: no"},
		"slow":      {func(r *Report) { r.back("kill logd on log", 3*time.Second, 0, "logd is not ready") }, "the limit is 2s: logd is not ready"},
		"expected":  {func(r *Report) { r.Broken = []string{"no spool was ever full"} }, "no spool was ever full"},
		"no load":   {func(r *Report) { r.Totals = Totals{Acked: 2} }, "no line was acknowledged"},
	} {
		r := reportOf(tt.change)
		r.finish(nil)
		var out bytes.Buffer
		r.Print(&out, nil)
		if r.OK || !strings.Contains(out.String(), "verdict  FAILED") || !strings.Contains(out.String(), tt.shown) {
			t.Errorf("%s:\n%s", name, out.String())
		}
	}
	broken := reportOf(func(*Report) {})
	broken.finish(errs.E(errs.Failed, "cannot heal"))
	if broken.OK || broken.Error != "cannot heal" {
		t.Errorf("%+v", broken)
	}
	good := reportOf(func(*Report) {})
	good.finish(nil)
	if !good.OK {
		t.Errorf("%+v", good)
	}
}

func TestTheWaitForAUserNamesWhatHeldIt(t *testing.T) {
	w := newWaits()
	began := *w.mark
	since := func(d time.Duration) { *w.mark = time.Now().Add(-d) }
	for _, s := range []struct {
		name string
		took time.Duration
		err  error
	}{
		{"logd ready", 300 * time.Millisecond, errors.New("connection refused")},
		{"logd ready", 200 * time.Millisecond, nil},
		{"sign-in", 900 * time.Millisecond, nil},
		{"chat", time.Millisecond, errors.New("no room")},
	} {
		since(s.took)
		if err := w.step(s.name, func() error { return s.err }); !errors.Is(err, s.err) {
			t.Errorf("%s: %v", s.name, err)
		}
	}
	if got, want := w.String(), "900ms sign-in, 500ms logd ready (connection refused)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if !w.mark.After(began) {
		t.Error("the time is not accounted for")
	}
}

func TestAUserWhoIsNeverServedIsNotTheEndOfTheDrillsTime(t *testing.T) {
	p := &probe{ready: []string{"127.0.0.1:1"}, ops: &http.Client{}}
	ctx, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	_, _, err := p.untilServed(ctx)
	if !errs.Is(err, errs.Failed) || errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("%v", err)
	}
}
