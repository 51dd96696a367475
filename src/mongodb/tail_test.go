package mongodb_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"chatlab/src/event"
	"chatlab/src/mongodb"
)

// keeper opens the log of a database, as a log server of a name or as a reader.
func keeper(t *testing.T, uri, database, writer string) *mongodb.Log {
	t.Helper()
	l, err := mongodb.Open(mongodb.Config{URI: uri, Database: database})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if writer != "" {
		l.KeepTail(writer)
	}
	return l
}

func database() string { return "t" + event.NewID(time.Now()).String() }

// bornNow returns n events; their data is tag and their number.
func bornNow(tag string, n int) []event.Event {
	events := make([]event.Event, n)
	for i := range events {
		events[i] = event.Event{ID: event.NewID(time.Now()), Server: "chat", Category: "chat", Subject: "kim", Data: fmt.Sprint(tag, i)}
	}
	return events
}

func insert(t *testing.T, l *mongodb.Log, events []event.Event) {
	t.Helper()
	if _, err := l.Insert(t.Context(), events); err != nil {
		t.Fatal(err)
	}
}

func last(t *testing.T, l *mongodb.Log, f mongodb.Filter, n int) (data []string) {
	t.Helper()
	records, err := l.Last(t.Context(), f, n)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if !r.Exact {
			t.Errorf("%+v is not exact", r)
		}
		data = append(data, r.Data)
	}
	return data
}

// The reader is a Log of its own: what it finds is in the database.
func TestTheNewestAreFoundWithOrWithoutATail(t *testing.T) {
	uri, db := serve(t), database()
	a, b, old := keeper(t, uri, db, "a"), keeper(t, uri, db, "b"), keeper(t, uri, db, "")
	insert(t, old, bornNow("old", 3))
	insert(t, a, bornNow("first", 150))
	insert(t, b, bornNow("second", 2))
	again := bornNow("third", 1)
	insert(t, keeper(t, uri, db, "a"), again) // after a restart
	insert(t, a, again)                       // and by a relay that had no answer
	reader := keeper(t, uri, db, "")
	for n, want := range map[int]string{
		1: "[third0]", 2: "[second1 third0]", 4: "[first149 second0 second1 third0]",
	} {
		if got := fmt.Sprint(last(t, reader, mongodb.Filter{}, n)); got != want {
			t.Errorf("last %d: %s, want %s", n, got, want)
		}
	}
	if got := last(t, reader, mongodb.Filter{}, 155); len(got) != 155 || got[0] != "old1" {
		t.Errorf("last 155: %d events from %v on, want old1 first", len(got), got[:1])
	}
	if got := last(t, reader, mongodb.Filter{}, 0); len(got) != 156 || got[0] != "old0" {
		t.Errorf("all: %d events from %v on", len(got), got[:1])
	}
	if got := fmt.Sprint(last(t, reader, mongodb.Filter{DataPrefix: "old"}, 2)); got != "[old1 old2]" {
		t.Errorf("last of the old: %s", got)
	}
}

// Events that were stored after a time are born after it or late. While the
// tail goes back as far, it answers; else the whole log does.
func TestSinceATimeNothingIsMissing(t *testing.T) {
	uri, db := serve(t), database()
	old := keeper(t, uri, db, "")
	insert(t, old, bornNow("old", 2))
	a := keeper(t, uri, db, "a")
	insert(t, a, bornNow("first", 10))
	for _, tt := range []struct {
		since time.Time
		want  int
	}{{time.Now().Add(-time.Hour), 12}, {time.Now().Add(time.Minute), 0}} {
		f := mongodb.Filter{Since: tt.since}
		found := find(t, old, f, event.ID{})
		scanned := 0
		for _, err := range old.Scan(t.Context(), f) {
			if err != nil {
				t.Fatal(err)
			}
			scanned++
		}
		n, err := old.Count(t.Context(), f)
		if len(found) != tt.want || scanned != tt.want || int(n) != tt.want || err != nil {
			t.Errorf("since %s: found %d, scanned %d, counted %d, %v; want %d", tt.since, len(found), scanned, n, err, tt.want)
		}
	}
}

func TestAYoungTimeIsAnsweredByTheTail(t *testing.T) {
	embedded(t)
	uri, db := serve(t), database()
	insert(t, keeper(t, uri, db, "a"), bornNow("first", 10))
	soon := time.Now().Add(5 * time.Second)
	events := bornNow("soon", 3)
	for i := range events {
		events[i].ID = event.NewID(soon)
	}
	insert(t, keeper(t, uri, db, "a"), events[:2])
	l := keeper(t, uri, db, "")
	insert(t, l, events[2:]) // not in the tail: only a reader of the whole log finds it
	f := mongodb.Filter{Since: soon}
	if n, err := l.Count(t.Context(), f); n != 2 || err != nil {
		t.Errorf("counted %d, %v, want the tail's 2", n, err)
	}
	if got := find(t, l, f, event.ID{}); len(got) != 2 {
		t.Errorf("found %d, want the tail's 2", len(got))
	}
	if got := last(t, l, f, 9); len(got) != 2 {
		t.Errorf("last %d, want the tail's 2", len(got))
	}
}

// A reader allows for clocks that differ, so its earliest birth may be before
// the tail begins. The tail still answers when it has all that was stored since.
func TestAStoringTimeIsAnsweredByTheTail(t *testing.T) {
	embedded(t)
	uri, db := serve(t), database()
	l := keeper(t, uri, db, "")
	insert(t, l, bornNow("hidden", 1)) // not in the tail: only a reader of the whole log finds it
	insert(t, keeper(t, uri, db, "a"), bornNow("before", mongodb.PieceEvents))
	from := time.Now()
	events := bornNow("after", 2)
	events[0].ID = event.NewID(from.Add(-30 * time.Second)) // of a clock that goes behind
	insert(t, keeper(t, uri, db, "a"), events)
	got := find(t, l, mongodb.Filter{Stored: from, Since: from.Add(-time.Minute)}, event.ID{})
	if len(got) != 2 || got[0].Data != "after0" || got[1].Data != "after1" {
		t.Errorf("found %+v, want the two of after", got)
	}
}

// embedded skips a test of the tail where the server is another's.
func embedded(t *testing.T) {
	t.Helper()
	if os.Getenv("TEST_MONGODB_URI") != "" {
		t.Skip("MongoDB has no tail")
	}
}

func TestTheRingGoesRound(t *testing.T) {
	embedded(t)
	uri, db := serve(t), database()
	a := keeper(t, uri, db, "a")
	rounds := mongodb.RingSize + 20
	var first event.ID
	for i := range rounds {
		events := bornNow(fmt.Sprint(i, "-"), mongodb.PieceEvents)
		if i == 0 {
			first = events[0].ID
		}
		insert(t, a, events)
	}
	oldest := mongodb.TailOf(t, a)
	if want := mongodb.RingSize * mongodb.PieceEvents; len(oldest) != want {
		t.Errorf("the tail has %d events, want %d", len(oldest), want)
	}
	if want := fmt.Sprint(20, "-0"); oldest[0].Data != want {
		t.Errorf("the tail begins with %s, want %s", oldest[0].Data, want)
	}
	if got := last(t, a, mongodb.Filter{}, 1); got[0] != fmt.Sprintf("%d-%d", rounds-1, mongodb.PieceEvents-1) {
		t.Errorf("the last is %v", got)
	}
	if _, ok, err := a.Stored(t.Context(), first); !ok || err != nil {
		t.Errorf("the log has the first event: %v, %v", ok, err)
	}
}

func TestStoredLooksOneUp(t *testing.T) {
	l := open(t, serve(t))
	events := bornNow("x", 3)
	insert(t, l, events[:2])
	r, ok, err := l.Stored(t.Context(), events[1].ID)
	if err != nil || !ok || r.Event != events[1] || !r.Exact {
		t.Errorf("%+v %v %v", r, ok, err)
	}
	if _, ok, err := l.Stored(t.Context(), events[2].ID); ok || err != nil {
		t.Errorf("an event that is not stored: %v %v", ok, err)
	}
}

func TestTrimKeepsTheNewest(t *testing.T) {
	uri := serve(t)
	now := time.Now()
	old := func(tag string, n int) []event.Event {
		events := bornNow(tag, n)
		for i := range events {
			events[i].ID = event.NewID(now.Add(-time.Hour))
		}
		return events
	}
	for name, tt := range map[string]struct {
		keep mongodb.Retention
		want int
	}{
		"all":          {mongodb.Retention{}, 1200},
		"number":       {mongodb.Retention{Events: 150}, 150},
		"more than is": {mongodb.Retention{Events: 5000}, 1200},
		"age":          {mongodb.Retention{Age: time.Minute}, 100},
		"age of all":   {mongodb.Retention{Age: 2 * time.Hour}, 1200},
		"both":         {mongodb.Retention{Events: 50, Age: time.Minute}, 50},
	} {
		t.Run(name, func(t *testing.T) {
			l := open(t, uri)
			insert(t, l, old("old", 1100))
			insert(t, l, bornNow("young", 100))
			removed := int64(0)
			for range 2 { // the second time there is nothing to do
				if err := l.Trim(t.Context(), tt.keep, now, func(n int64) { removed += n }); err != nil {
					t.Fatal(err)
				}
			}
			left := last(t, l, mongodb.Filter{}, 0)
			if len(left) != tt.want || int(removed) != 1200-tt.want {
				t.Errorf("%d left, %d removed, want %d left", len(left), removed, tt.want)
			}
			if got := last(t, l, mongodb.Filter{DataPrefix: "young"}, 0); len(got) != min(100, tt.want) || got[len(got)-1] != "young99" {
				t.Errorf("%d of the young are left", len(got))
			}
		})
	}
}
