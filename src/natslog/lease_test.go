package natslog_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/natslog"
	"chatlab/src/testkit"
)

// distinct counts the ids of events.
func distinct(evs []event.Event) int {
	ids := map[event.ID]bool{}
	for _, ev := range evs {
		ids[ev.ID] = true
	}
	return len(ids)
}

// emittedBy returns the events of several sinks.
func emittedBy(sinks []*sink) (evs []event.Event) {
	for _, s := range sinks {
		s.mu.Lock()
		evs = append(evs, s.got...)
		s.mu.Unlock()
	}
	return evs
}

// emitting starts a ring whose members have a sink each.
func emitting(t *testing.T) (*ring, []*sink) {
	t.Helper()
	r := newRing(t, 3)
	var sinks []*sink
	for i, log := range r.logs {
		sinks = append(sinks, newSink())
		follow(t, log)
		emit(t, log, sinks[i])
	}
	return r, sinks
}

// emitter returns the place of the member that emits.
func (r *ring) emitter() int {
	r.t.Helper()
	at := -1
	testkit.Until(r.t, "a member emits", func() bool {
		at = slices.IndexFunc(r.logs, func(l *natslog.Log) bool { return l != nil && l.Emitter() })
		return at >= 0
	})
	return at
}

func TestTheNextMemberGoesOnWithTheEvents(t *testing.T) {
	t.Parallel()
	r, sinks := emitting(t)
	at := r.emitter()
	for i := range 50 {
		persist(t, r.logs[i%3], line(i))
	}
	sinks[at].wait(t, 50)
	testkit.Until(t, "every member knows that all are emitted", func() bool {
		return !slices.ContainsFunc(r.up(), func(l *natslog.Log) bool { return l.Cursor() != 50 || l.Backlog() > 0 || l.Waiting() > 0 })
	})
	r.stop(at)
	began := time.Now()
	next := r.emitter()
	if took := time.Since(began); took > time.Second {
		t.Errorf("after a planned stop the next member took %s to take over", took)
	}
	left := r.up()
	for i := 50; i < 100; i++ {
		persist(t, left[i%2], line(i))
	}
	sinks[next].wait(t, 50)
	testkit.Until(t, "all have their event", func() bool { return distinct(emittedBy(sinks)) == 100 })
	if n := len(emittedBy(sinks)); n != 100 {
		t.Errorf("%d events were emitted for 100 lines: the next member did not know where the last was", n)
	}
}

func TestAMemberThatLeavesHandsOverTheEventsAtOnce(t *testing.T) {
	t.Parallel()
	r, sinks := emitting(t)
	at := r.emitter()
	persist(t, r.logs[at], line(0))
	r.logs[at].HandOver()
	began := time.Now()
	testkit.Until(t, "another member emits", func() bool {
		return slices.ContainsFunc(r.logs, func(l *natslog.Log) bool { return l != r.logs[at] && l.Emitter() })
	})
	if took := time.Since(began); took > time.Second {
		t.Errorf("another member took %s to take over", took)
	}
	persist(t, r.logs[at], line(1))
	testkit.Until(t, "all have their event", func() bool { return distinct(emittedBy(sinks)) == 2 })
	if r.logs[at].Emitter() {
		t.Error("the member that leaves emits again")
	}
}

func TestOthersEmitWhileAMemberCannot(t *testing.T) {
	t.Parallel()
	r, sinks := emitting(t)
	at := r.emitter()
	sinks[at].setFail(errs.E(errs.Unavailable, "its logger is away"))
	for i := range 20 {
		persist(t, r.logs[i%3], line(i))
	}
	begun := time.Now()
	testkit.Until(t, "the others have emitted all", func() bool { return distinct(emittedBy(sinks)) == 20 })
	t.Logf("after %s", time.Since(begun))
	testkit.Until(t, "the member knows it", func() bool {
		return r.logs[at].Cursor() == 20 && r.logs[at].Backlog() == 0 && !r.logs[at].Emitter()
	})
	sinks[at].setFail(nil)
	sinks[at].wait(t, 1) // its batch goes through at last
	for i := 20; i < 30; i++ {
		persist(t, r.logs[i%3], line(i))
	}
	testkit.Until(t, "all have their event", func() bool { return distinct(emittedBy(sinks)) == 30 })
	testkit.Until(t, "every member knows it", func() bool {
		return !slices.ContainsFunc(r.logs, func(l *natslog.Log) bool { return l.Cursor() != 30 })
	})
	if r.logs[at].Emitter() {
		t.Error("the member took back the lease from one that renewed it")
	}
}

func TestNoEventIsSkippedWhenTheEmitterIsCutOff(t *testing.T) {
	t.Parallel()
	r, cables := newCabledRing(t, 3)
	var sinks []*sink
	for i, log := range r.logs {
		sinks = append(sinks, newSink())
		follow(t, log)
		emit(t, log, sinks[i])
	}
	say := func(from, to int, members ...int) {
		for i := from; i < to; i++ {
			persist(t, r.logs[members[i%len(members)]], line(i))
		}
	}
	away := r.emitter()
	others := []int{(away + 1) % 3, (away + 2) % 3}
	say(0, 20, 0, 1, 2)
	cut(cables, away, true)
	began := time.Now()
	say(20, 40, others...)
	testkit.Until(t, "the others have emitted the rest", func() bool {
		return distinct(emittedBy(sinks)) == 40 && (r.logs[others[0]].Emitter() || r.logs[others[1]].Emitter())
	})
	t.Logf("after %s", time.Since(began))
	cut(cables, away, false)
	testkit.Until(t, "the member is back", func() bool { return len(r.logs[away].Others()) == 2 })
	say(40, 60, others...)
	testkit.Until(t, "all have their event", func() bool { return distinct(emittedBy(sinks)) == 60 })
	testkit.Until(t, "one member emits, and all know how far", func() bool {
		emitters := 0
		for _, l := range r.logs {
			if l.Emitter() {
				emitters++
			}
		}
		return emitters == 1 && !slices.ContainsFunc(r.logs, func(l *natslog.Log) bool { return l.Cursor() != 60 || l.Backlog() > 0 })
	})
}

// A member that is killed leaves its lease as it is; so does a copy of its files.
func TestAKilledServerLosesNoEvent(t *testing.T) {
	dir, copied := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	log := open(t, dir, nil)
	to := newSink()
	emit(t, log, to)
	say(t, log, 0, 30)
	to.wait(t, 30)
	testkit.Until(t, "the cursor is kept", func() bool { return log.Cursor() == 30 })
	to.setFail(errs.E(errs.Unavailable, "its logger is away"))
	say(t, log, 30, 50)
	copyDir(t, dir, copied)
	again := open(t, copied, nil)
	rest := newSink()
	emit(t, again, rest)
	if got := rest.wait(t, 20); len(got) != 20 || got[0].Data != "line 30" {
		t.Errorf("%d events from %q on, want 20 from line 30 on", len(got), got[0].Data)
	}
}

// emittedLog makes a log with n lines whose events are emitted. change runs before it closes.
func emittedLog(t *testing.T, dir string, n int, change func(*natslog.Log)) []event.Event {
	t.Helper()
	log := open(t, dir, nil)
	to := newSink()
	stop := emit(t, log, to)
	say(t, log, 0, n)
	got := to.wait(t, n)
	stop()
	change(log)
	log.Close()
	return got
}

// openCounting opens a log, and returns how many damaged cursors it counts.
func openCounting(t *testing.T, dir string) (*natslog.Log, func() float64) {
	t.Helper()
	reg := prometheus.NewRegistry()
	log := open(t, dir, func(o *natslog.Options) { o.Metrics = reg })
	return log, func() float64 {
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "chatlab_chatlog_cursor_damaged_total" {
				return f.GetMetric()[0].GetCounter().GetValue()
			}
		}
		return -1
	}
}

func set(t *testing.T, record string) func(*natslog.Log) {
	return func(log *natslog.Log) {
		t.Helper()
		if err := log.SetLease(t.Context(), record); err != nil {
			t.Fatal(err)
		}
	}
}

// pastEpoch leaves a cursor of 20 in an epoch that had only 10 lines: the later ones are
// of another epoch, and their events are not emitted.
func pastEpoch(t *testing.T) func(*natslog.Log) {
	return func(log *natslog.Log) {
		t.Helper()
		if err := log.PutEpochs(t.Context(), fmt.Sprintf(`[{"id":"old","first":1},{"id":%q,"first":11}]`, log.Epoch())); err != nil {
			t.Fatal(err)
		}
		set(t, `{"node":"test","to":20,"epoch":"old"}`)(log)
	}
}

func TestACursorGoesBackRatherThanSkipAnEvent(t *testing.T) {
	none := func(*natslog.Log) {}
	// JetStream drops a damaged record; an earlier record may then be the newest.
	bucket := func(path string) bool { return strings.Contains(path, "/streams/KV_chatlog/msgs/") }
	for name, test := range map[string]struct {
		record func(*natslog.Log)
		files  func(dir string)
		first  string // line whose event is the first then
		counts float64
	}{
		"nothing":                 {none, nil, "line 20", 0},
		"the bucket is lost":      {set(t, ""), nil, "line 0", 1},
		"not JSON":                {set(t, "20"), nil, "line 0", 1},
		"another member's":        {set(t, `{"node":"other","to":20}`), nil, "line 20", 0},
		"an earlier one":          {set(t, `{"node":"other","to":15}`), nil, "line 15", 1},
		"of an epoch that ended":  {pastEpoch(t), nil, "line 10", 1},
		"of an unknown epoch":     {set(t, `{"node":"test","to":20,"epoch":"other"}`), nil, "line 0", 1},
		"beyond the log":          {set(t, `{"node":"test","to":500}`), nil, "line 20", 1},
		"the bucket is cut":       {none, func(dir string) { spoil(t, dir, bucket, half) }, "line 0", 1},
		"the bucket is garbage":   {none, func(dir string) { spoil(t, dir, bucket, garbage) }, "line 0", 1},
		"the bucket is scratched": {none, func(dir string) { spoil(t, dir, bucket, scratch) }, "line 0", 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			before := emittedLog(t, dir, 20, test.record)
			if test.files != nil {
				test.files(dir)
			}
			log, counts := openCounting(t, dir)
			to := newSink()
			emit(t, log, to)
			say(t, log, 20, 22)
			testkit.Until(t, "the events of the new lines are emitted", func() bool {
				got := emittedBy([]*sink{to})
				return len(got) > 0 && got[len(got)-1].Data == "line 21"
			})
			got := emittedBy([]*sink{to})
			if got[0].Data != test.first {
				t.Errorf("events go on with %q, want %q", got[0].Data, test.first)
			}
			if test.first == "line 0" && fmt.Sprint(got[:20]) != fmt.Sprint(before) {
				t.Errorf("events before %v, after %v", before, got)
			}
			if n := counts(); n != test.counts {
				t.Errorf("%v damaged cursors were counted, want %v", n, test.counts)
			}
		})
	}
}

func TestAnOlderVersionsCursorIsKept(t *testing.T) {
	for name, test := range map[string]struct {
		text   string
		first  string
		counts float64
	}{
		"digits":              {"00000000000000000018\n", "line 18", 0},
		"digits and checksum": {"00000000000000000018 d5a0cf10\n", "line 18", 0},
		"a flipped bit":       {"00000000000000000019 d5a0cf10\n", "line 0", 1},
		"empty":               {"", "line 0", 1},
		"short":               {"\x00\x00\x00", "line 0", 1},
		"no number":           {"0000000000000000001x\n", "line 0", 1},
		"too great a number":  {"99999999999999999999\n", "line 0", 1},
		"beyond the log":      {"00000000000000000500\n", "line 20", 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "events.position")
			emittedLog(t, dir, 20, set(t, ""))
			if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			log, counts := openCounting(t, dir)
			to := newSink()
			stop := emit(t, log, to)
			say(t, log, 20, 21)
			if got := to.wait(t, 1); got[0].Data != test.first {
				t.Errorf("events go on with %q, want %q", got[0].Data, test.first)
			}
			if n := counts(); n != test.counts {
				t.Errorf("%v damaged cursors were counted, want %v", n, test.counts)
			}
			stop()
			log.Close()

			open(t, dir, nil)
			if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("after another start the file is there: %v", err)
			}
		})
	}
}

// A cluster that lost the end of its log does not know it at once: a new leader may only
// be slow.
func TestTheCursorOfAClusterGoesBackToTheEndOfItsLog(t *testing.T) {
	t.Parallel()
	r, sinks := emitting(t)
	for i := range 5 {
		persist(t, r.logs[i%3], line(i))
	}
	testkit.Until(t, "all are emitted", func() bool { return r.logs[0].Cursor() == 5 })
	if err := r.logs[0].SetLease(t.Context(), `{"node":"","to":500}`); err != nil {
		t.Fatal(err)
	}
	testkit.Until(t, "the cursor is beyond the log", func() bool { return r.logs[0].Cursor() >= 500 })
	testkit.Until(t, "it is put back", func() bool {
		return !slices.ContainsFunc(r.logs, func(l *natslog.Log) bool { return l.Cursor() != 5 })
	})
	for i := 5; i < 10; i++ {
		persist(t, r.logs[i%3], line(i))
	}
	testkit.Until(t, "all have their event", func() bool { return distinct(emittedBy(sinks)) == 10 })
}
