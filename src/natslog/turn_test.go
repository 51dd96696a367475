package natslog_test

import (
	"slices"
	"testing"
	"time"

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

func TestTheNextLeaderGoesOnWithTheEvents(t *testing.T) {
	t.Parallel()
	r, sinks := emitting(t)
	for i := range 50 {
		persist(t, r.logs[i%3], line(i))
	}
	sinks[r.leader()].wait(t, 50)
	testkit.Until(t, "every member knows how far the events are", func() bool {
		return !slices.ContainsFunc(r.up(), func(l *natslog.Log) bool { return l.Position() != 50 })
	})
	r.stop(r.leader())
	left := r.up()
	for i := 50; i < 100; i++ {
		persist(t, left[i%2], line(i))
	}
	testkit.Until(t, "all have their event", func() bool { return distinct(emittedBy(sinks)) == 100 })
	if n := len(emittedBy(sinks)); n != 100 {
		t.Errorf("%d events were emitted for 100 lines: the next leader did not know where the last was", n)
	}
}

func TestOthersEmitWhileTheLeaderCannot(t *testing.T) {
	t.Parallel()
	r, sinks := emitting(t)
	at := r.leader()
	sinks[at].setFail(errs.E(errs.Unavailable, "its logger is away"))
	for i := range 20 {
		persist(t, r.logs[i%3], line(i))
	}
	begun := time.Now()
	testkit.Until(t, "the others have emitted all", func() bool { return distinct(emittedBy(sinks)) == 20 })
	t.Logf("after %s", time.Since(begun))
	testkit.Until(t, "the leader knows it", func() bool { return r.logs[at].Position() == 20 })
	sinks[at].setFail(nil)
	for i := 20; i < 30; i++ {
		persist(t, r.logs[i%3], line(i))
	}
	testkit.Until(t, "the leader emits again", func() bool { return distinct(emittedBy(sinks)) == 30 && len(emittedBy(sinks[at:at+1])) > 0 })
}
