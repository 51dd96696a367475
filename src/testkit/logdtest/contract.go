package logdtest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/logd"
)

// Store holds a store to the contract of logd.Store. open returns an empty
// store, and a function that reads all its events back, in any order.
func Store(t *testing.T, open func(t *testing.T) (logd.Store, func() []event.Event)) {
	tests := map[string]func(t *testing.T, s logd.Store, all func() []event.Event){
		"keeps every field":                 keepsFields,
		"counts a repeat as stored":         countsRepeats,
		"keeps the first of two":            keepsFirst,
		"takes a thousand and the repeats":  takesMany,
		"says when its context is over":     saysOver,
		"answers a ping":                    answersPing,
		"takes nothing":                     takesNothing,
		"takes one twice in the same batch": takesTwins,
	}
	for name, run := range tests {
		t.Run(name, func(t *testing.T) {
			s, all := open(t)
			run(t, s, all)
		})
	}
}

// Odd returns events whose fields hold each character that could be special
// to a line, a document or a query, and the longest event there is.
func Odd() []event.Event {
	odd := []string{"/", "%", "\n", "\r", "\r\n", "a/b/c", "100%", "%2F", "$set", "{\"$gt\":\"\"}", "a.b", "'; --", "\\", "\"",
		"\x1b[2J", "\u2028", "\ufeff", "\ufffd", "\U0010FFFF", "\u202e", " ", "名前", "👍🏽", strings.Repeat("é", 1000)}
	for c := range rune(0x100) {
		odd = append(odd, string(c), "a"+string(c)+"b")
	}
	events := make([]event.Event, 0, len(odd)+2)
	for _, s := range odd {
		events = append(events, event.Event{ID: event.NewID(time.Now()), Server: s, Category: s, Subject: s, Data: s})
	}
	plain := event.Event{ID: event.NewID(time.Now()), Server: "chat", Category: "chat"}
	longest := event.Event{ID: event.NewID(time.Now()), Server: "chat", Category: "chat", Subject: "kim"}
	longest.Data = strings.Repeat("x", event.MaxLine-len(event.Append(nil, longest)))
	return append(events, plain, longest)
}

func some(n int) []event.Event {
	events := make([]event.Event, n)
	for i := range events {
		events[i] = event.Event{ID: event.NewID(time.Now()), Server: "chat", Category: "chat", Subject: "kim", Data: strings.Repeat("x", i%50)}
	}
	return events
}

func insert(t *testing.T, s logd.Store, events []event.Event, wantRepeats int) {
	t.Helper()
	repeats, err := s.Insert(t.Context(), events)
	if err != nil {
		t.Fatalf("insert: %v", err)
	}
	if repeats != wantRepeats {
		t.Errorf("%d repeats, want %d", repeats, wantRepeats)
	}
}

func same(t *testing.T, got, want []event.Event) {
	t.Helper()
	byID := func(a, b event.Event) int { return slices.Compare(a.ID[:], b.ID[:]) }
	got, want = slices.Clone(got), slices.Clone(want)
	slices.SortFunc(got, byID)
	slices.SortFunc(want, byID)
	if len(got) != len(want) {
		t.Fatalf("%d events stored, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("stored %+v, want %+v", got[i], want[i])
		}
	}
}

func keepsFields(t *testing.T, s logd.Store, all func() []event.Event) {
	insert(t, s, Odd(), 0)
	events := Odd()
	insert(t, s, events, 0)
	if got := all(); len(got) != 2*len(events) {
		t.Fatalf("%d events stored, want %d", len(got), 2*len(events))
	}
	have := map[event.Event]bool{}
	for _, e := range all() {
		have[e] = true
	}
	for _, e := range events {
		if !have[e] {
			t.Errorf("not stored as it was: %.80q", e.Data)
		}
	}
}

func countsRepeats(t *testing.T, s logd.Store, all func() []event.Event) {
	events := some(5)
	insert(t, s, events[:3], 0)
	insert(t, s, events, 3)
	insert(t, s, events, 5)
	same(t, all(), events)
}

func keepsFirst(t *testing.T, s logd.Store, all func() []event.Event) {
	first := some(1)
	second := slices.Clone(first)
	second[0].Data = "another"
	insert(t, s, first, 0)
	insert(t, s, second, 1)
	same(t, all(), first)
}

func takesMany(t *testing.T, s logd.Store, all func() []event.Event) {
	events := some(1000)
	insert(t, s, events[400:500], 0)
	insert(t, s, events, 100)
	same(t, all(), events)
}

func takesTwins(t *testing.T, s logd.Store, all func() []event.Event) {
	events := some(3)
	insert(t, s, append(slices.Clone(events), events[1]), 1)
	same(t, all(), events)
}

func takesNothing(t *testing.T, s logd.Store, all func() []event.Event) {
	insert(t, s, nil, 0)
	same(t, all(), nil)
}

func saysOver(t *testing.T, s logd.Store, _ func() []event.Event) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Insert(ctx, some(1)); !errs.Is(err, errs.Unavailable) {
		t.Errorf("insert: %v, want code unavailable", err)
	}
	if err := s.Ping(ctx); !errs.Is(err, errs.Unavailable) {
		t.Errorf("ping: %v, want code unavailable", err)
	}
}

func answersPing(t *testing.T, s logd.Store, _ func() []event.Event) {
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
