package natslog_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"chatlab/src/chat"
	"chatlab/src/errs"
	"chatlab/src/natslog"
	"chatlab/src/testkit"
	"chatlab/src/testkit/chattest"
	"chatlab/src/wire"
)

func TestAClusterKeepsTheContract(t *testing.T) {
	t.Parallel()
	r := newRing(t, 3)
	chattest.Log(t, func(t *testing.T) chat.Log {
		t.Helper()
		if err := natslog.Reset(t.Context(), r.logs...); err != nil {
			t.Fatal(err)
		}
		testkit.Until(t, "the new log serves", func() bool {
			_, err := r.logs[1].Bounds(t.Context())
			return err == nil
		})
		return r.logs[1]
	})
}

// reader follows a member's log until the test ends.
type reader struct {
	mu   sync.Mutex
	seen []wire.Message
}

func follow(t *testing.T, log *natslog.Log) *reader {
	r := &reader{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		var last uint64
		for ctx.Err() == nil {
			_ = log.Follow(ctx, last, func(batch []wire.Message) error {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.seen = append(r.seen, batch...)
				last = batch[len(batch)-1].Seq
				return nil
			})
		}
	}()
	return r
}

func (r *reader) lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return texts(r.seen)
}

func texts(lines []wire.Message) []string {
	out := []string{}
	for _, m := range lines {
		out = append(out, m.Text)
	}
	return out
}

func line(i int) chat.Draft {
	return chat.Draft{Room: "lobby", User: "kim", Text: fmt.Sprint("line ", i), ID: fmt.Sprint(i)}
}

func TestEveryMemberGivesEveryLineInOneOrderWhoeverLeads(t *testing.T) {
	t.Parallel()
	const each = 300
	r := newRing(t, 3)
	readers := []*reader{follow(t, r.logs[0]), follow(t, r.logs[1]), follow(t, r.logs[2])}
	for i := range each {
		persist(t, r.logs[i%3], line(i))
	}
	at := r.leader()
	r.logs[at].HandOver()
	if r.logs[at].Leads() {
		t.Error("the leader still leads after it handed over")
	}
	begun := time.Now()
	persist(t, r.logs[at], line(each))
	if took := time.Since(begun); took > time.Second {
		t.Errorf("after the hand-over a line took %v", took)
	}
	for i := each + 1; i < 2*each; i++ {
		persist(t, r.logs[i%3], line(i))
	}
	for i, reader := range readers {
		testkit.Until(t, "the reader has all", func() bool { return len(reader.lines()) >= 2*each })
		if !slices.Equal(reader.lines(), readers[0].lines()) {
			t.Errorf("reader %d has another order than reader 0", i)
		}
	}
	if got := readers[0].lines(); len(got) != 2*each || got[each] != fmt.Sprint("line ", each) {
		t.Errorf("%d lines", len(got))
	}
}

func TestTheMajorityServesAndAMinorityRefuses(t *testing.T) {
	t.Parallel()
	r := newRing(t, 3)
	persist(t, r.logs[0], line(0))
	first := r.leader()
	r.stop(first)
	left := r.up()
	persist(t, left[0], line(1))
	second := r.leader()
	r.stop(second)
	alone := r.up()[0]

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if got := alone.Publish(ctx, line(2))[0]; !errs.Is(got.Err, errs.Unavailable) && !errors.Is(got.Err, context.DeadlineExceeded) {
		t.Errorf("one of three stored a line: %+v", got)
	}
	r.start(first)
	persist(t, alone, line(2))
	r.start(second)
	r.ready()
	for i, log := range r.logs {
		var got []wire.Message
		testkit.Until(t, "the member has all", func() bool {
			got, _ = log.Read(t.Context(), "lobby", 0, 10)
			return len(got) >= 3
		})
		if want := []string{"line 0", "line 1", "line 2"}; !slices.Equal(texts(got), want) {
			t.Errorf("member %d has %v", i, texts(got))
		}
	}
}

func TestALeaderThatIsAloneSoonRefuses(t *testing.T) {
	t.Parallel()
	r := newRing(t, 3)
	persist(t, r.logs[0], line(0))
	leader := r.leader()
	log := r.logs[leader]
	defer emit(t, log, newSink())()
	for i := range r.logs {
		if i != leader {
			r.stop(i)
		}
	}
	alone := time.Now()
	testkit.Until(t, "lines are refused at once", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		asked := time.Now()
		got := log.Publish(ctx, line(1))[0]
		return errs.Is(got.Err, errs.Unavailable) && time.Since(asked) < 100*time.Millisecond
	})
	if took := time.Since(alone); took > 5*time.Second {
		t.Errorf("it took lines for %s alone", took)
	}
}

func TestAMemberWithoutItsFilesGetsThemFromTheOthers(t *testing.T) {
	t.Parallel()
	r := newRing(t, 3)
	for i := range 50 {
		persist(t, r.logs[0], line(i))
	}
	lost := (r.leader() + 1) % 3
	r.stop(lost)
	if err := os.RemoveAll(r.options(lost).Dir); err != nil {
		t.Fatal(err)
	}
	r.start(lost)
	testkit.Until(t, "the member has all lines again", func() bool {
		got, err := r.logs[lost].Read(t.Context(), "lobby", 0, 100)
		return err == nil && len(got) == 50
	})
}

func TestAMemberWithoutAReplicaServesTheSame(t *testing.T) {
	t.Parallel()
	r := newRing(t, 4)
	without := slices.IndexFunc(r.logs, func(l *natslog.Log) bool { return !l.Holds() })
	if without < 0 {
		t.Fatal("four members have replicas, three should")
	}
	reader := follow(t, r.logs[without])
	for i := range 40 {
		persist(t, r.logs[i%4], line(i))
	}
	testkit.Until(t, "it follows", func() bool { return len(reader.lines()) == 40 })
	read, err := r.logs[without].Read(t.Context(), "lobby", 30, 7)
	if err != nil || len(read) != 7 || read[0].Seq != 31 || read[6].Text != "line 36" || read[0].User != "kim" || time.Since(read[0].Time) > time.Hour {
		t.Errorf("%+v, %v", read, err)
	}
	if read, err = r.logs[without].Read(t.Context(), "lobby", 38, 7); err != nil || len(read) != 2 {
		t.Errorf("at the end: %+v, %v", read, err)
	}
	if tail, err := r.logs[without].Tail(t.Context(), "lobby", 3); err != nil || len(tail) != 3 || tail[2].Text != "line 39" {
		t.Errorf("tail %+v, %v", tail, err)
	}
}

func TestEventsAreHandedOutOnceByWhoeverRuns(t *testing.T) {
	t.Parallel()
	r := newRing(t, 3)
	to := newSink()
	for _, log := range r.logs {
		emit(t, log, to)
	}
	for i := range 60 {
		persist(t, r.logs[i%3], line(i))
	}
	ids := map[string]int{}
	for _, ev := range to.wait(t, 60) {
		ids[ev.ID.String()]++
	}
	if len(ids) != 60 {
		t.Errorf("%d different events of 60", len(ids))
	}
}

func TestWhoAsksTheMembersThatAreConnected(t *testing.T) {
	t.Parallel()
	r := newRing(t, 3)
	var many []string
	for i := range 3000 {
		many = append(many, fmt.Sprint("user", i))
	}
	for i, log := range r.logs {
		testkit.Until(t, "all are connected", func() bool { return len(log.Others()) == 2 })
		log.Presence(func(room string) []string {
			if room == "crowd" && i == 2 {
				return many
			}
			return []string{fmt.Sprint(room, i)}
		})
	}
	got := r.logs[0].Elsewhere(t.Context(), "lobby")
	slices.Sort(got)
	if !slices.Equal(got, []string{"lobby1", "lobby2"}) {
		t.Errorf("elsewhere: %v", got)
	}
	if got := r.logs[0].Elsewhere(t.Context(), "crowd"); len(got) != 3001 {
		t.Errorf("%d names of a crowd, want 3001", len(got))
	}
}

// A version of nats-server that names its variables otherwise is found out here.
func TestTheTimesOfElectionsAreThoseOfJetStream(t *testing.T) {
	if want := [2]time.Duration{4 * time.Second, 9 * time.Second}; natslog.TheirTimes != want {
		t.Errorf("nats-server's election times are %v, not %v: see timers.go", natslog.TheirTimes, want)
	}
}
