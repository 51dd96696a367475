package natslog_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/chat"
	"chatlab/src/errs"
	"chatlab/src/natslog"
	"chatlab/src/testkit"
)

// alone opens the log of a member's folder without the cluster.
func (r *ring) alone(i int) *natslog.Log {
	r.t.Helper()
	o := r.options(i)
	o.Cluster = nil
	log, err := natslog.Open(r.t.Context(), o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(log.Close)
	return log
}

// fillAlone puts lines into the folder of a member that has no cluster yet, and returns
// their epoch.
func (r *ring) fillAlone(i, lines int) (epoch string) {
	r.t.Helper()
	log := r.alone(i)
	defer log.Close()
	drafts := make([]chat.Draft, lines)
	for n := range drafts {
		drafts[n] = line(n)
	}
	for _, got := range log.Publish(r.t.Context(), drafts...) {
		if got.Err != nil {
			r.t.Fatal(got.Err)
		}
	}
	return log.Epoch()
}

// holds fails the test unless a log has the lines 0 to n-1 at the sequences 1 to n.
func holds(t *testing.T, log *natslog.Log, n int) {
	t.Helper()
	testkit.Until(t, "the log has the last line", func() bool {
		b, err := log.Bounds(t.Context())
		return err == nil && b.Last == uint64(n)
	})
	after := uint64(0)
	for after < uint64(n) {
		lines, err := log.Read(t.Context(), "lobby", after, 1000)
		if err != nil || len(lines) == 0 {
			t.Fatalf("after %d: %d lines, %v", after, len(lines), err)
		}
		for _, m := range lines {
			if after++; m.Seq != after || m.Text != fmt.Sprint("line ", after-1) {
				t.Fatalf("sequence %d has %q, want line %d at %d", m.Seq, m.Text, after-1, after)
			}
		}
	}
}

func TestALogMovesFromOneServerToThreeAndBack(t *testing.T) {
	t.Parallel()
	const lines = 3000
	r := bareRing(t, 3)
	alone := r.fillAlone(1, lines)
	r.name(0, 1, 2)
	r.start(0)
	r.start(2)
	testkit.Until(t, "two members see each other", func() bool { return len(r.logs[0].Others()) == 1 && len(r.logs[2].Others()) == 1 })
	if _, err := r.logs[0].Bounds(t.Context()); !errs.Is(err, errs.Unavailable) {
		t.Errorf("a log was made without the member that has the lines: %v", err)
	}
	r.start(1)
	r.ready()
	for _, log := range r.logs {
		holds(t, log, lines)
	}
	if after, known, err := r.logs[2].After(t.Context(), alone, lines); err != nil || !known || after != lines {
		t.Errorf("a reader of the one server goes on after %d, %t, %v", after, known, err)
	}
	several := r.logs[2].Epoch()
	persist(t, r.logs[2], line(lines))
	testkit.Until(t, "every replica has all", func() bool { return r.logs[0].Replicas(t.Context()) == 3 })

	ended := make(chan error, 1)
	go func() { ended <- r.logs[0].Emit(t.Context(), newSink()) }()
	r.name(0)
	if err := <-ended; !errs.Is(err, errs.Unavailable) {
		t.Errorf("the move to one ended with %v", err)
	}
	for i := range r.logs {
		r.stop(i)
	}
	log := r.alone(0)
	holds(t, log, lines+1)
	for _, epoch := range []string{alone, several} {
		if _, known, err := log.After(t.Context(), epoch, lines); err != nil || !known {
			t.Errorf("a reader of the epoch %s goes on: %t, %v", epoch, known, err)
		}
	}
	persist(t, log, line(lines+1))
	holds(t, log, lines+2)
	if _, err := os.Stat(filepath.Join(r.dir, "node0", "moving-to-one")); err == nil {
		t.Error("the snapshots that were used stay")
	}
}

func TestAMoveThatIsGivenUpLosesNothing(t *testing.T) {
	t.Parallel()
	r := bareRing(t, 3)
	r.fillAlone(0, 10)
	r.name(0, 1, 2)
	r.start(0) // packs, and waits for the others
	r.stop(0)
	log := r.alone(0)
	holds(t, log, 10)
	persist(t, log, line(10))
	log.Close()
	for i := range r.logs {
		r.start(i)
	}
	r.ready()
	holds(t, r.logs[2], 11)
}

func TestTwoServersThatBringLinesMakeNoCluster(t *testing.T) {
	t.Parallel()
	r := bareRing(t, 3)
	r.fillAlone(0, 10)
	r.fillAlone(1, 20)
	r.name(0, 1, 2)
	for i := range r.logs {
		r.start(i)
	}
	testkit.Until(t, "the members see each other", func() bool { return len(r.logs[0].Others()) == 2 })
	if _, err := r.logs[2].Bounds(t.Context()); !errs.Is(err, errs.Unavailable) {
		t.Errorf("a log was made: %v", err)
	}
	for i := range r.logs {
		r.stop(i)
	}
	holds(t, r.alone(1), 20)
}

func TestAMembersFolderIsNotALogOfItsOwn(t *testing.T) {
	t.Parallel()
	r := newRing(t, 3)
	persist(t, r.logs[0], line(0))
	r.stop(0)
	_, err := natslog.Open(t.Context(), natslog.Options{
		Dir: filepath.Join(r.dir, "node0"), Node: "node0", Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	})
	if !errs.Is(err, errs.Usage) || errs.FixOf(err) == "" {
		t.Errorf("%v", err)
	}
}

func TestAFolderOfAnotherMemberIsRefused(t *testing.T) {
	t.Parallel()
	r := newRing(t, 3)
	r.stop(0)
	r.stop(1)
	o := r.options(0)
	o.Dir = r.options(1).Dir
	if _, err := natslog.Open(t.Context(), o); !errs.Is(err, errs.Usage) || errs.FixOf(err) == "" {
		t.Errorf("%v", err)
	}
}

// TestLinesThatAClusterDoesNotTakeAreKept: a later move does not take them for its own.
func TestLinesThatAClusterDoesNotTakeAreKept(t *testing.T) {
	t.Parallel()
	r := newRing(t, 3)
	persist(t, r.logs[1], line(0))
	r.stop(0)
	dir := filepath.Join(r.dir, "node0")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	r.fillAlone(0, 10)
	r.start(0)
	aside := func() []string {
		found, err := filepath.Glob(filepath.Join(dir, "not-moved-*", "chat.snapshot"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	testkit.Until(t, "its own lines are put aside", func() bool { return len(aside()) == 1 })
	r.ready()
	holds(t, r.logs[0], 1)
	ended := make(chan error, 1)
	go func() { ended <- r.logs[0].Emit(t.Context(), newSink()) }()
	r.name(0)
	<-ended
	for i := range r.logs {
		r.stop(i)
	}
	holds(t, r.alone(0), 1)
	if len(aside()) != 1 {
		t.Error("the lines that were put aside are gone")
	}
}

// TestAMoveToOneThatStopsHalfWayIsUndone: the peers file names several again.
func TestAMoveToOneThatStopsHalfWayIsUndone(t *testing.T) {
	t.Parallel()
	r := newRing(t, 3)
	for _, log := range r.logs {
		emit(t, log, newSink())
	}
	persist(t, r.logs[0], line(0))
	testkit.Until(t, "every replica has all", func() bool { return r.logs[0].Replicas(t.Context()) == 3 })
	// The leader may undo a half of the move before the other is done: then it never is.
	limit, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := r.logs[0].TakeAlone(limit); err != nil && limit.Err() == nil {
		t.Fatal(err)
	}
	persist(t, r.logs[1], line(1))
	testkit.Until(t, "every replica has all", func() bool { return r.logs[0].Replicas(t.Context()) == 3 })
	holds(t, r.logs[2], 2)
}

// TestAMemberThatStopsBeforeItPacksGoesOn: the move needs no operator after a kill -9.
func TestAMemberThatStopsBeforeItPacksGoesOn(t *testing.T) {
	t.Parallel()
	r := newRing(t, 3)
	for n := range 10 {
		persist(t, r.logs[0], line(n))
	}
	testkit.Until(t, "every replica has all", func() bool { return r.logs[0].Replicas(t.Context()) == 3 })
	r.stop(0)
	r.name(0)
	r.start(0)
	if err := r.logs[0].Emit(t.Context(), newSink()); !errs.Is(err, errs.Unavailable) {
		t.Errorf("the move to one ended with %v", err)
	}
	for i := range r.logs {
		r.stop(i)
	}
	holds(t, r.alone(0), 10)
}
