package event_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/testkit"
)

// The test binary is the logger, too, where TEST_LOGGER names how it behaves:
// it writes the lines it acknowledges to the file that --config names.
func TestMain(m *testing.M) {
	if how := os.Getenv("TEST_LOGGER"); how != "" {
		os.Exit(fakeLogger(how, os.Args[2]))
	}
	os.Exit(m.Run())
}

func fakeLogger(how, path string) int {
	if how == "dead" {
		return 3
	}
	spool, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	answer := func(format string, args ...any) { fmt.Printf(format+"\n", args...) }
	answer("ack 0")
	in := bufio.NewReader(os.Stdin)
	for n := 1; ; n++ {
		line, err := in.ReadString('\n')
		if err != nil {
			return 0
		}
		switch {
		case how == "silent":
			continue
		case how == "liar":
			answer("ack %d", n+1000)
			continue
		case how == "babbler":
			answer("hello")
			continue
		case how == "mortal" && n%7 == 0:
			return 9 // with lines read that it never acknowledged
		}
		fmt.Fprint(spool, line)
		if how == "mortal" && n%5 == 0 {
			return 9 // spooled, not acknowledged
		}
		answer("ack %d", n)
	}
}

type fixture struct {
	*event.Emitter
	spool string
	reg   *prometheus.Registry
	stop  func() error
}

func start(t *testing.T, how string, timeout time.Duration) *fixture {
	t.Helper()
	t.Setenv("TEST_LOGGER", how)
	t.Setenv("GORACE", "atexit_sleep_ms=0") // each end would take a second
	f := &fixture{spool: filepath.Join(t.TempDir(), "spool"), reg: prometheus.NewRegistry()}
	f.Emitter = event.NewEmitter(event.LoggerConfig{Command: os.Args[0], Config: f.spool, Timeout: timeout}, slog.New(slog.DiscardHandler), f.reg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	f.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { _ = f.stop() })
	return f
}

func (f *fixture) lines(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(f.spool)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

func (f *fixture) waitReady(t *testing.T) {
	t.Helper()
	testkit.Until(t, "the emitter is ready", func() bool { return f.Ready() == nil })
}

func say(i int) event.Event {
	return event.Event{ID: event.NewID(time.Now()), Server: "chat", Category: "chat", Subject: "kim", Data: fmt.Sprintf("line %d", i)}
}

func TestEmitReturnsOnceDurable(t *testing.T) {
	f := start(t, "good", time.Minute)
	first, second := say(1), say(2)
	if err := f.Emit(t.Context(), first, second); err != nil {
		t.Fatal(err)
	}
	want := string(event.Append(event.Append(nil, first), second))
	if got := strings.Join(f.lines(t), "\n") + "\n"; got != want {
		t.Fatalf("spooled %q, want %q", got, want)
	}
	if err := f.Ready(); err != nil {
		t.Errorf("not ready: %v", err)
	}
	if err := f.Emit(t.Context()); err != nil {
		t.Errorf("no events: %v", err)
	}
	if err := f.stop(); err != nil {
		t.Errorf("run: %v", err)
	}
}

func TestEmitFromManyKeepsEachOnesOrder(t *testing.T) {
	f := start(t, "good", time.Minute)
	const goroutines, each = 50, 20
	var running sync.WaitGroup
	for g := range goroutines {
		running.Go(func() {
			for i := range each {
				e := say(i)
				e.Subject = fmt.Sprint(g)
				if err := f.Emit(t.Context(), e); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
	next := map[string]int{}
	for _, line := range f.lines(t) {
		e, err := event.Parse([]byte(line), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("line %d", next[e.Subject]); e.Data != want {
			t.Fatalf("%s: %q, want %q", e.Subject, e.Data, want)
		}
		next[e.Subject]++
	}
	if len(next) != goroutines {
		t.Fatalf("events of %d, want %d", len(next), goroutines)
	}
}

func TestDeadLoggerIsReplacedAndSentAgain(t *testing.T) {
	f := start(t, "mortal", time.Minute)
	want := map[string]bool{}
	var mu sync.Mutex
	var running sync.WaitGroup
	for g := range 20 {
		running.Go(func() {
			e := say(g)
			mu.Lock()
			want[e.ID.String()] = true
			mu.Unlock()
			if err := f.Emit(t.Context(), e); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	spooled := map[string]bool{}
	for _, line := range f.lines(t) {
		id := strings.Split(line, "/")[1]
		if !want[id] {
			t.Errorf("spooled what nobody emitted, or emitted under another ID: %s", line)
		}
		spooled[id] = true // a repeat is fine: the ID is the same
	}
	if len(spooled) != len(want) {
		t.Fatalf("%d different events, want %d", len(spooled), len(want))
	}
	for name, value := range map[string]float64{"chatlab_events_born_total": 20, "chatlab_events_durable_total": 20, "chatlab_events_unacked": 0} {
		if got := gather(t, f.reg, name); got != value {
			t.Errorf("%s is %v, want %v", name, got, value)
		}
	}
	if gather(t, f.reg, "chatlab_logger_restarts_total") == 0 {
		t.Error("no restart was counted")
	}
}

func gather(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func TestEmitGivesUpInTime(t *testing.T) {
	for _, how := range []string{"silent", "dead", "liar", "babbler"} {
		t.Run(how, func(t *testing.T) {
			f := start(t, how, 50*time.Millisecond)
			err := f.Emit(t.Context(), say(1))
			if !errs.Is(err, errs.Unavailable) || errs.RetryAfterOf(err) == 0 {
				t.Fatalf("error %v, want code unavailable with a time to retry", err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := f.Emit(ctx, say(2)); !errs.Is(err, errs.Unavailable) {
				t.Fatalf("context over: %v, want code unavailable", err)
			}
			testkit.Until(t, "the emitter is not ready", func() bool { return errs.Is(f.Ready(), errs.Unavailable) })
		})
	}
}

func TestWhatWasNotWrittenIsWithdrawn(t *testing.T) {
	f := start(t, "dead", 30*time.Millisecond)
	if err := f.Emit(t.Context(), say(1)); !errs.Is(err, errs.Unavailable) {
		t.Fatal(err)
	}
	testkit.Until(t, "at most one event is unacknowledged", func() bool { return gather(t, f.reg, "chatlab_events_unacked") <= 1 })
	if err := f.Ready(); !errs.Is(err, errs.Unavailable) {
		t.Fatalf("ready: %v", err)
	}
}

func TestEmitBlocksWhenTooMuchWaits(t *testing.T) {
	const lines, line = 100, 60 << 10
	f := start(t, "silent", 5*time.Second)
	f.waitReady(t)
	big := say(0)
	big.Data = strings.Repeat("x", line)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var full, began atomic.Int64
	var running sync.WaitGroup
	for range lines {
		running.Go(func() {
			began.Add(1)
			err := f.Emit(ctx, big)
			if !errs.Is(err, errs.Unavailable) {
				t.Error(err)
			} else if strings.Contains(err.Error(), "too many") {
				full.Add(1)
			}
		})
	}
	fits := float64(event.MaxUnacked / (line + 1)) // a line is somewhat longer than its data
	born := 0.0
	testkit.Until(t, "every line that fits is emitted", func() bool {
		born = gather(t, f.reg, "chatlab_events_born_total")
		return began.Load() == lines && born >= fits
	})
	cancel()
	running.Wait()
	if born > fits || full.Load() == 0 {
		t.Errorf("the emitter took %v lines of %d bytes, %v fit; %d waited", born, line, fits, full.Load())
	}
}

func TestBadEventsAreRefusedBeforeAnythingIsSent(t *testing.T) {
	f := start(t, "good", time.Minute)
	long := say(1)
	long.Data = strings.Repeat("%", event.MaxLine/3+1)
	bad := map[string]event.Event{
		"bad UTF-8":   {Server: "chat", Category: "chat", Data: "\xff"},
		"no server":   {Category: "chat"},
		"no category": {Server: "chat"},
		"too long":    long,
	}
	for name, e := range bad {
		if err := f.Emit(t.Context(), say(0), e); !errs.Is(err, errs.BadEvent) {
			t.Errorf("%s: %v, want code bad_event", name, err)
		}
	}
	if err := f.Emit(t.Context(), event.Event{Server: "a", Category: "b", Data: "no ID"}); err != nil {
		t.Fatal(err)
	}
	if got := f.lines(t); len(got) != 1 || !strings.HasSuffix(got[0], "/a/b//no ID") {
		t.Fatalf("spooled %q", got)
	}
}

func TestStoppingFlushesThenRefuses(t *testing.T) {
	f := start(t, "good", time.Minute)
	if err := f.Emit(t.Context(), say(1)); err != nil {
		t.Fatal(err)
	}
	if err := f.stop(); err != nil {
		t.Fatalf("run: %v", err)
	}
	if err := f.Emit(t.Context(), say(2)); !errs.Is(err, errs.Unavailable) {
		t.Fatalf("after the end: %v, want code unavailable", err)
	}
}

func TestNoSuchLogger(t *testing.T) {
	em := event.NewEmitter(event.LoggerConfig{Command: "/no/such/logger"}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err := em.Run(t.Context()); !errs.Is(err, errs.Usage) {
		t.Fatalf("error %v, want code usage", err)
	}
	if err := em.Ready(); !errs.Is(err, errs.Unavailable) {
		t.Fatalf("ready: %v", err)
	}
}
