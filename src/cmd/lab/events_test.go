package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"chatlab/src/event"
	"chatlab/src/ferret"
	"chatlab/src/mongodb"
)

// eventLog returns an empty log database.
func eventLog(t *testing.T) *mongodb.Log {
	t.Helper()
	server, err := ferret.Listen("127.0.0.1:0", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx) }()
	log, err := mongodb.Open(mongodb.Config{URI: server.URI()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = log.Close()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return log
}

// store stores sign-ins, each born at an age.
func store(t *testing.T, log *mongodb.Log, ages ...time.Duration) {
	t.Helper()
	var evs []event.Event
	for _, age := range ages {
		evs = append(evs, event.Event{
			ID: event.NewID(time.Now().Add(-age)), Server: "auth", Category: "signin", Subject: "a" + age.String(), Data: "success",
		})
	}
	if _, err := log.Insert(t.Context(), evs); err != nil {
		t.Fatal(err)
	}
}

// subjects returns the ids that were printed, and forgets them.
func subjects(out *strings.Builder) string {
	var ids []string
	for line := range strings.Lines(out.String()) {
		ids = append(ids, strings.Fields(line)[3])
	}
	out.Reset()
	return strings.Join(ids, " ")
}

func TestTheLastEventsAreFoundHoweverOldTheyAre(t *testing.T) {
	log := eventLog(t)
	store(t, log, 1000*time.Hour, 24*time.Hour, time.Hour, time.Minute*5, time.Second)
	for _, tt := range []struct {
		last  int
		since time.Duration
		want  string
	}{
		{1, 0, "a1s"},
		{2, 0, "a5m0s a1s"},
		{4, 0, "a24h0m0s a1h0m0s a5m0s a1s"},
		{99, 0, "a1000h0m0s a24h0m0s a1h0m0s a5m0s a1s"},
		{0, 0, "a1000h0m0s a24h0m0s a1h0m0s a5m0s a1s"},
		{0, 2 * time.Hour, "a1h0m0s a5m0s a1s"},
		{2, 2 * time.Hour, "a5m0s a1s"},
	} {
		f := eventFlags{last: tt.last}
		if tt.since > 0 {
			f.filter.Since = time.Now().Add(-tt.since)
		}
		records, err := lastEvents(t.Context(), log, f, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range records {
			got = append(got, r.Subject)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("last %d since %s: %v, want %s", tt.last, tt.since, got, tt.want)
		}
	}
}

func TestFollowingShowsLateEventsOnceToo(t *testing.T) {
	log := eventLog(t)
	store(t, log, 3*time.Second)
	var out strings.Builder
	p, seen := &eventPrinter{out: &out}, map[string]time.Time{}
	start := time.Now().Add(-5 * time.Minute)
	recent := func() {
		t.Helper()
		if err := showNew(t.Context(), log, mongodb.Filter{}, time.Now().Add(-recently), seen, p); err != nil {
			t.Fatal(err)
		}
	}
	late := func() {
		t.Helper()
		if err := showLate(t.Context(), log, mongodb.Filter{}, start, seen, p); err != nil {
			t.Fatal(err)
		}
	}
	recent()
	if got := subjects(&out); got != "a3s" {
		t.Errorf("at first %q", got)
	}
	store(t, log, 2*time.Minute, 0)
	recent()
	if got := subjects(&out); got != "a0s" {
		t.Errorf("then %q", got)
	}
	late()
	if got := subjects(&out); got != "a2m0s" {
		t.Errorf("late %q", got)
	}
	recent()
	late()
	if got := subjects(&out); got != "" {
		t.Errorf("again %q", got)
	}
	seen["old"] = time.Now().Add(-time.Hour)
	late()
	if !seen["old"].IsZero() {
		t.Error("old events are never forgotten")
	}
}

func TestAnEventIsPrintedInFull(t *testing.T) {
	var out strings.Builder
	r := mongodb.Record{Event: event.Event{Server: "chat", Category: "chat", Subject: "kim", Data: "<hi> \x1b[0m"}, DateTime: "2026-01-02T03:04:05Z"}
	(&eventPrinter{out: &out}).print(r)
	(&eventPrinter{out: &out, json: true}).print(r)
	want := fmt.Sprintf("%s\n%s\n", `2026-01-02T03:04:05Z chat chat kim <hi> \u{1b}[0m`,
		`{"_id":"000000000000000000000000","date_time":"2026-01-02T03:04:05Z","server":"chat","category":"chat","id":"kim","data":"<hi> \u001b[0m"}`)
	if out.String() != want {
		t.Errorf("%s\nwant\n%s", out.String(), want)
	}
}
