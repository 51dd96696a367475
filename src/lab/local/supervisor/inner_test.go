package supervisor

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestPausesGrowUntilReadyAndBoundRestartLoops(t *testing.T) {
	now := time.Now()
	u := newUnit(Service{}, nil, nil, slog.New(slog.DiscardHandler))
	for failures, want := range []time.Duration{0, 50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond} {
		u.failures = failures
		if got := u.pause(now); got != want {
			t.Errorf("%d failures: %s, want %s", failures, got, want)
		}
	}
	if u.failures = 50; u.pause(now) != lastPause {
		t.Errorf("50 failures: %s", u.pause(now))
	}
	u.failures = 0
	for range often + 1 {
		u.restarty = append(u.restarty, now)
	}
	if u.pause(now) == 0 || u.pause(now.Add(while+time.Second)) != 0 {
		t.Error("a service that ends all the time is not held back, or for ever")
	}
}

func TestALogOverItsLimitIsMovedAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, text := range []string{"0123456789", "next"} {
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := limitLog(path, 5); err != nil {
			t.Fatal(err)
		}
	}
	old, _ := os.ReadFile(path + ".1")
	current, _ := os.ReadFile(path)
	if !bytes.Equal(old, []byte("0123456789")) || !bytes.Equal(current, []byte("next")) {
		t.Errorf("%q then %q", old, current)
	}
	if err := limitLog(filepath.Join(t.TempDir(), "none"), 5); err != nil {
		t.Error(err)
	}
}
