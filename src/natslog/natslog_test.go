package natslog_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/chat"
	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/natslog"
	"chatlab/src/testkit"
	"chatlab/src/testkit/chattest"
)

func open(t *testing.T, dir string, change func(*natslog.Options)) *natslog.Log {
	t.Helper()
	o := natslog.Options{
		Dir: dir, Node: "test", MaxBacklog: 1 << 20,
		Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	}
	if change != nil {
		change(&o)
	}
	log, err := natslog.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	return log
}

func TestLogKeepsTheContract(t *testing.T) {
	chattest.Log(t, func(t *testing.T) chat.Log { return open(t, t.TempDir(), nil) })
}

func say(t *testing.T, log *natslog.Log, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		d := chat.Draft{Room: "lobby", User: "kim", Text: fmt.Sprint("line ", i), ID: fmt.Sprint(i)}
		if r := log.Publish(t.Context(), d)[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}

func TestLogIsReadBackFromItsFiles(t *testing.T) {
	dir := t.TempDir()
	log := open(t, dir, nil)
	say(t, log, 0, 50)
	before, err := log.Read(t.Context(), "lobby", 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	log.Close()

	log = open(t, dir, nil)
	after, err := log.Read(t.Context(), "lobby", 0, 100)
	if err != nil || fmt.Sprint(before) != fmt.Sprint(after) {
		t.Fatalf("%d lines before, %d after (%v), or they differ", len(before), len(after), err)
	}
	r := log.Publish(t.Context(), chat.Draft{Room: "lobby", User: "kim", Text: "line 7", ID: "7"})[0]
	if r != (chat.Receipt{Seq: 8, Repeat: true}) {
		t.Errorf("a repeat after a restart = %+v", r)
	}
}

// sink takes events, or fails while it is told to.
type sink struct {
	mu   sync.Mutex
	fail error
	got  []event.Event
	more chan struct{}
}

func newSink() *sink { return &sink{more: make(chan struct{}, 1)} }

func (s *sink) Emit(_ context.Context, evs ...event.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	s.got = append(s.got, evs...)
	select {
	case s.more <- struct{}{}:
	default:
	}
	return nil
}

func (s *sink) setFail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

// wait returns the events once there are n.
func (s *sink) wait(t *testing.T, n int) []event.Event {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		s.mu.Lock()
		got := append([]event.Event(nil), s.got...)
		s.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-s.more:
		case <-limit:
			t.Fatalf("%d events of %d", len(got), n)
		}
	}
}

// emit runs Emit until the returned function is called.
func emit(t *testing.T, log *natslog.Log, to natslog.Events) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- log.Emit(ctx, to) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func TestEveryLineIsAnEventOnce(t *testing.T) {
	dir := t.TempDir()
	log := open(t, dir, nil)
	to := newSink()
	stop := emit(t, log, to)
	say(t, log, 0, 600)
	got := to.wait(t, 600)
	stop()
	lines, err := log.Tail(t.Context(), "lobby", 600)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[event.ID]bool{}
	for i, ev := range got {
		if ev.Server != "chat" || ev.Category != "chat" || ev.Subject != "kim" || ev.Data != fmt.Sprint("line ", i) {
			t.Fatalf("event %d = %+v", i, ev)
		}
		if ids[ev.ID] || !ev.Time().Equal(lines[i].Time.Truncate(time.Second)) {
			t.Fatalf("event %d has id %s at %s, its line is of %s", i, ev.ID, ev.Time(), lines[i].Time)
		}
		ids[ev.ID] = true
	}
	log.Close()

	log = open(t, dir, nil)
	to = newSink()
	emit(t, log, to)
	say(t, log, 600, 601)
	if got := to.wait(t, 1); got[0].Data != "line 600" {
		t.Errorf("the first event after a restart is %+v", got[0])
	}
}

func TestEventsWaitWhileTheEmitterIsAway(t *testing.T) {
	log := open(t, t.TempDir(), nil)
	to := newSink()
	to.setFail(errs.E(errs.Unavailable, "away"))
	emit(t, log, to)
	say(t, log, 0, 20)
	if n := log.Waiting(); n != 20 {
		t.Errorf("%d events wait by the metric, want 20 at once", n)
	}
	to.setFail(nil)
	seen := map[event.ID]bool{}
	for _, ev := range to.wait(t, 20) {
		seen[ev.ID] = true
	}
	if len(seen) != 20 {
		t.Errorf("%d different events", len(seen))
	}
}

func TestALineThatIsNoEventDoesNotHoldUpTheOthers(t *testing.T) {
	log := open(t, t.TempDir(), nil)
	to := &picky{sink: newSink()}
	say(t, log, 0, 10)
	emit(t, log, to)
	if got := to.wait(t, 9); len(got) != 9 {
		t.Errorf("%d events", len(got))
	}
}

// picky refuses one line, and every batch that holds it.
type picky struct{ *sink }

func (p *picky) Emit(ctx context.Context, evs ...event.Event) error {
	for _, ev := range evs {
		if ev.Data == "line 3" {
			return errs.E(errs.BadEvent, "no event")
		}
	}
	return p.sink.Emit(ctx, evs...)
}

func TestLinesAreRefusedWhileTooManyEventsWait(t *testing.T) {
	log := open(t, t.TempDir(), func(o *natslog.Options) { o.MaxBacklog = 10 })
	to := newSink()
	to.setFail(errs.E(errs.Unavailable, "away"))
	emit(t, log, to)
	testkit.Until(t, "lines are refused", func() bool {
		return errs.Is(log.Publish(t.Context(), chat.Draft{Room: "lobby", User: "kim", Text: "x"})[0].Err, errs.Unavailable)
	})
	if err := log.Ready(t.Context()); !errs.Is(err, errs.Unavailable) {
		t.Errorf("ready = %v", err)
	}
	to.setFail(nil)
	testkit.Until(t, "lines are taken again", func() bool {
		return log.Publish(t.Context(), chat.Draft{Room: "lobby", User: "kim", Text: "x"})[0].Err == nil
	})
}

func TestTrimDropsOldLinesButNoneWithoutItsEvent(t *testing.T) {
	log := open(t, t.TempDir(), func(o *natslog.Options) { o.MaxAge = time.Nanosecond })
	to := newSink()
	stop := emit(t, log, to)
	say(t, log, 0, 10)
	to.wait(t, 10)
	testkit.Until(t, "all are acknowledged", func() bool { return log.Trim(t.Context(), time.Now()) == nil && log.Backlog() == 0 })
	stop()
	say(t, log, 10, 15)
	for range 20 {
		if err := log.Trim(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := log.Bounds(t.Context()); err != nil || b != (chat.Bounds{First: 11, Last: 15}) {
		t.Errorf("bounds = %+v, %v: want the lines whose event waits, and only those", b, err)
	}
}

func TestAClockThatIsAheadErasesNoHistory(t *testing.T) {
	log := open(t, t.TempDir(), func(o *natslog.Options) { o.MaxAge = time.Hour })
	emit(t, log, newSink())
	say(t, log, 0, 32)
	testkit.Until(t, "all are emitted", func() bool {
		return log.Trim(t.Context(), time.Now().Add(31*24*time.Hour)) == nil && log.Backlog() == 0
	})
	if b, err := log.Bounds(t.Context()); err != nil || b.First != 1 {
		t.Errorf("bounds = %+v, %v: no line is an hour older than the newest", b, err)
	}
}

func TestOldLinesGoAPartAtATime(t *testing.T) {
	log := open(t, t.TempDir(), func(o *natslog.Options) { o.MaxAge = time.Nanosecond })
	emit(t, log, newSink())
	say(t, log, 0, 64)
	testkit.Until(t, "all are emitted", func() bool { return log.Cursor() == 64 })
	if err := log.Trim(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if b, err := log.Bounds(t.Context()); err != nil || b.First != 5 {
		t.Errorf("bounds = %+v, %v: want the oldest 4 of 64 lines dropped", b, err)
	}
}

func TestTrimHoldsTheSize(t *testing.T) {
	log := open(t, t.TempDir(), func(o *natslog.Options) { o.MaxBytes = 5000 })
	emit(t, log, newSink())
	say(t, log, 0, 200)
	testkit.Until(t, "half of it is gone", func() bool {
		if err := log.Trim(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		b, err := log.Bounds(t.Context())
		return err == nil && b.First > 80 && b.Last == 200
	})
}

func TestAClosedLogIsUnavailable(t *testing.T) {
	log := open(t, t.TempDir(), nil)
	log.Close()
	if r := log.Publish(t.Context(), chat.Draft{Room: "lobby", User: "kim", Text: "x"})[0]; !errs.Is(r.Err, errs.Unavailable) {
		t.Errorf("publish = %+v", r)
	}
	if err := log.Follow(t.Context(), 0, nil); !errs.Is(err, errs.Unavailable) {
		t.Errorf("follow = %v", err)
	}
	if err := log.Ready(t.Context()); !errs.Is(err, errs.Unavailable) {
		t.Errorf("ready = %v", err)
	}
}

func TestAFolderThatCannotBeMadeIsAUsageError(t *testing.T) {
	_, err := natslog.Open(context.Background(), natslog.Options{Dir: "/dev/null/x", Metrics: prometheus.NewRegistry()})
	if !errs.Is(err, errs.Usage) || errors.Unwrap(err) == nil {
		t.Errorf("open = %v", err)
	}
}
