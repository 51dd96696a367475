package check

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chatlab/src/errs"
)

// at runs a check by hand.
func at(name string, run func(context.Context, *Env) error) Check {
	return Check{Name: name, Text: "what must hold", Node: "one", Hint: "the log", Run: run}
}

func proves(_ context.Context, e *Env) error { e.Same("answer", 42, 42); return nil }

func TestOutcomeOfOneCheck(t *testing.T) {
	tests := map[string]struct {
		check                           Check
		result, expected, seen, why, at string
	}{
		"proved":           {check: at("a", proves), result: OK},
		"proved nothing":   {check: at("a", func(context.Context, *Env) error { return nil }), result: Fail, expected: "what must hold", seen: "the check proved nothing", at: "the log"},
		"an error":         {check: at("a", func(context.Context, *Env) error { return errors.New("refused") }), result: Fail, expected: "what must hold", seen: "refused", at: "the log"},
		"a failure":        {check: at("a", func(context.Context, *Env) error { return failf("one", "%d", 2) }), result: Fail, expected: "one", seen: "2", at: "the log"},
		"its own hint":     {check: at("a", func(context.Context, *Env) error { return &Failure{"one", "two", "elsewhere"} }), result: Fail, expected: "one", seen: "two", at: "elsewhere"},
		"a wrapped one":    {check: at("a", func(context.Context, *Env) error { return errs.E(errs.Failed, "step: %w", failf("one", "2")) }), result: Fail, expected: "one", seen: "2", at: "the log"},
		"first statement":  {check: at("a", func(_ context.Context, e *Env) error { e.Same("n", 1, 2); e.Same("n", 3, 4); return nil }), result: Fail, expected: "n 1", seen: "n 2", at: "the log"},
		"statement, error": {check: at("a", func(_ context.Context, e *Env) error { e.Same("n", "x", "y"); return errors.New("later") }), result: Fail, expected: `n "x"`, seen: `n "y"`, at: "the log"},
		"skip":             {check: at("a", func(context.Context, *Env) error { return &skipError{"not here"} }), result: Skip, why: "not here"},
		"a need":           {check: Check{Name: "a", Needs: []Need{func(*Journey) string { return "" }, func(*Journey) string { return "no key" }}}, result: Skip, why: "no key"},
		"foreign text":     {check: at("a", func(context.Context, *Env) error { return failf("x\ny", "\x1b[2J\u202e%s", strings.Repeat("é", 500)) }), result: Fail, expected: "x y", seen: "[2J " + strings.Repeat("é", 198) + "…", at: "the log"},
		"a crash":          {check: at("a", func(context.Context, *Env) error { panic("by hand") }), result: Fail, expected: "what must hold", seen: "the check itself crashed: by hand at engine_test.go:", at: "the log"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := Run(t.Context(), nil, []Check{tt.check}, nil).Results[0]
			if name == "a crash" {
				r.Seen = r.Seen[:min(len(r.Seen), len(tt.seen))]
			}
			if r.Result != tt.result || r.Expected != tt.expected || r.Seen != tt.seen || r.Reason != tt.why || r.Hint != tt.at {
				t.Fatalf("%+v", r)
			}
			if strings.ContainsAny(r.Seen, "\n\x1b") || len(r.Seen) > maxLine+len("…") {
				t.Fatalf("seen %q is not one safe line", r.Seen)
			}
		})
	}
}

func TestTheFirstFailureEndsTheRun(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	waits := at("waits", func(ctx context.Context, _ *Env) error { <-ctx.Done(); return ctx.Err() })
	waits.Timeout = time.Hour
	fails := at("fails", func(context.Context, *Env) error { return errors.New("refused") })
	if r := FirstFailure(ctx, stop, nil, []Check{waits, at("proves", proves), fails}); r == nil || r.Name != "fails" || r.Seen != "refused" {
		t.Errorf("%+v", r)
	}
	if r := FirstFailure(t.Context(), stop, nil, []Check{at("proves", proves)}); r != nil {
		t.Errorf("%+v", r)
	}
}

func TestCheckThatHangsIsCutOff(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	deaf := at("deaf", func(context.Context, *Env) error { <-release; return nil })
	heeds := at("heeds", func(ctx context.Context, e *Env) error { <-ctx.Done(); return ctx.Err() })
	deaf.Timeout, heeds.Timeout = 10*time.Millisecond, 10*time.Millisecond
	for _, r := range Run(t.Context(), nil, []Check{deaf, heeds}, nil).Results {
		if r.Result != Fail || !strings.HasPrefix(r.Seen, "nothing within 10ms") {
			t.Errorf("%+v", r)
		}
	}
}

func TestResultsComeInTheOrderOfTheList(t *testing.T) {
	second := make(chan struct{})
	checks := []Check{
		at("first", func(ctx context.Context, e *Env) error { <-second; return proves(ctx, e) }),
		at("second", func(ctx context.Context, e *Env) error { close(second); return proves(ctx, e) }),
		at("third", proves),
	}
	var names []string
	rep := Run(t.Context(), nil, checks, func(r Result) { names = append(names, r.Name) })
	if got := strings.Join(names, " "); got != "first second third" {
		t.Errorf("heard %s", got)
	}
	if rep.Total != 3 || rep.OK != 3 || rep.Err() != nil {
		t.Errorf("%+v", rep)
	}
}

func TestRunIsBounded(t *testing.T) {
	var now, most atomic.Int32
	gate := make(chan struct{})
	busy := func(ctx context.Context, e *Env) error {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if n == workers {
			close(gate) // all slots are taken
		}
		<-gate
		now.Add(-1)
		return proves(ctx, e)
	}
	checks := make([]Check, 0, 2*workers)
	for range workers {
		checks = append(checks, at("x", busy))
	}
	for range workers {
		checks = append(checks, at("x", func(ctx context.Context, e *Env) error {
			if n := now.Load(); n > workers {
				return errors.New("too many at once")
			}
			return proves(ctx, e)
		}))
	}
	if rep := Run(t.Context(), nil, checks, nil); rep.OK != 2*workers || most.Load() != workers {
		t.Fatalf("%d at once, %d ok", most.Load(), rep.OK)
	}
}

func TestReportNamesWhatFailed(t *testing.T) {
	fails := at("b.bad", func(context.Context, *Env) error { return failf("x", "y") })
	skips := Check{Name: "c.skip", Needs: []Need{func(*Journey) string { return "no" }}}
	err := Run(t.Context(), nil, []Check{at("a.good", proves), fails, skips}, nil).Err()
	if !errs.Is(err, errs.Failed) || err.Error() != "1 of 3 checks failed: b.bad" {
		t.Errorf("%v", err)
	}
	if err := Run(t.Context(), nil, []Check{skips}, nil).Err(); !errs.Is(err, errs.Failed) {
		t.Errorf("all skipped: %v", err)
	}
}

func TestGlobsChoose(t *testing.T) {
	checks := []Check{{Name: "auth.login"}, {Name: "auth.token.none"}, {Name: "authority.x"}, {Name: "chat.token.none"}, {Name: "chat.who"}}
	tests := map[string]struct {
		globs []string
		want  string
	}{
		"none":          {nil, "auth.login auth.token.none authority.x chat.token.none chat.who"},
		"exact":         {[]string{"chat.who"}, "chat.who"},
		"part":          {[]string{"auth"}, "auth.login auth.token.none"},
		"thing":         {[]string{"auth.token"}, "auth.token.none"},
		"star":          {[]string{"*.none"}, "auth.token.none chat.token.none"},
		"list's order":  {[]string{"chat.who", "auth.login"}, "auth.login chat.who"},
		"twice":         {[]string{"auth.login", "auth.*"}, "auth.login auth.token.none"},
		"question mark": {[]string{"chat.wh?"}, "chat.who"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Choose(checks, tt.globs)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, c := range got {
				names = append(names, c.Name)
			}
			if strings.Join(names, " ") != tt.want {
				t.Errorf("%v", names)
			}
		})
	}
}

func TestGlobThatMatchesNothingNamesNearOnes(t *testing.T) {
	checks := []Check{{Name: "auth.login"}, {Name: "chat.broadcast"}, {Name: "events.chat"}, {Name: "net.isolation.ops"}, {Name: "health.ping.log"}}
	for glob, near := range map[string]string{"auth.logon": "near it: auth.login ", "broadcast": "near it: chat.broadcast ", "isolaton": "near it: net.isolation.ops ", "helth.ping": "near it: health.ping.log ", "[": "not a pattern"} {
		_, err := Choose(checks, []string{"auth.login", glob})
		if !errs.Is(err, errs.Usage) || !strings.Contains(err.Error(), near) {
			t.Errorf("%s: %v", glob, err)
		}
	}
}

// fixed is a report of each outcome, with times that a test can know.
func fixed() ([]Check, Report) {
	checks := []Check{{Name: "auth.login"}, {Name: "chat.token.none"}, {Name: "net.isolation"}}
	rep := Report{Total: 3, OK: 1, Failed: 1, Skipped: 1, Seconds: 1.94, Results: []Result{
		{Name: "auth.login", Node: "auth", Result: OK, Seconds: 0.0421, Description: "a token"},
		{Name: "chat.token.none", Node: "chat", Result: Fail, Seconds: 0.002, Description: "refused", Expected: `refusal "bad_token"`, Seen: `{"ok":true}`, Hint: "chatd's log"},
		{Name: "net.isolation", Result: Skip, Description: "private", Reason: "the lab has no logd"},
	}}
	return checks, rep
}

func TestPrinterWritesALineACheck(t *testing.T) {
	checks, rep := fixed()
	var b strings.Builder
	p := NewPrinter(&b, checks)
	for _, r := range rep.Results {
		p.Print(r)
	}
	p.Summary(rep)
	const want = `ok    auth.login       auth     42 ms
fail  chat.token.none  chat      2 ms
        expected  refusal "bad_token"
        seen      {"ok":true}
        look at   chatd's log
skip  net.isolation    lab       0 ms  the lab has no logd
3 checks: 1 ok, 1 failed, 1 skipped in 1.9s
`
	if b.String() != want || p.Err() != nil {
		t.Errorf("got\n%s", b.String())
	}
}

func TestJSONHasTheSame(t *testing.T) {
	_, rep := fixed()
	var b bytes.Buffer
	if err := WriteJSON(&b, rep); err != nil {
		t.Fatal(err)
	}
	const want = `{
  "checks": [
    {
      "name": "auth.login",
      "node": "auth",
      "result": "ok",
      "seconds": 0.0421,
      "description": "a token"
    },
    {
      "name": "chat.token.none",
      "node": "chat",
      "result": "fail",
      "seconds": 0.002,
      "description": "refused",
      "expected": "refusal \"bad_token\"",
      "seen": "{\"ok\":true}",
      "hint": "chatd's log"
    },
    {
      "name": "net.isolation",
      "result": "skip",
      "seconds": 0,
      "description": "private",
      "reason": "the lab has no logd"
    }
  ],
  "total": 3,
  "ok": 1,
  "failed": 1,
  "skipped": 1,
  "seconds": 1.94
}
`
	if b.String() != want {
		t.Errorf("got\n%s", b.String())
	}
}

// A person is told what a run waits for.
func TestALongWaitIsTold(t *testing.T) {
	told := make(chan string, 8)
	j := &Journey{Waiting: func(c Check) { told <- c.Name }}
	slow := Check{Name: "slow", Run: func(ctx context.Context, e *Env) error {
		e.True(<-told == "slow", "its name", "another")
		return nil
	}}
	if r := Run(t.Context(), j, []Check{slow}, nil); r.OK != 1 {
		t.Errorf("%+v", r)
	}
}
