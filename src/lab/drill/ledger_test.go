package drill

import (
	"errors"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/event"
)

// fateOf settles a number by an answer and returns the account of it, the
// event being stored so many times.
func fateOf(err error, stored int) Account {
	l := newLedger()
	n := l.next("p")
	l.answered("p", n, err)
	for range stored {
		l.seen("p", n, event.NewID(time.Now()))
	}
	return l.sum()
}

func TestEachFateCountsWhatTheDatabaseSaysOfIt(t *testing.T) {
	refusal := errs.E(errs.RateLimited, "slow down")
	away := errs.E(errs.Unavailable, "away")
	for name, tt := range map[string]struct {
		err                             error
		stored                          int
		lost, doubled, ghosts, unknowns int
	}{
		"acknowledged and stored":       {nil, 1, 0, 0, 0, 0},
		"acknowledged and lost":         {nil, 0, 1, 0, 0, 0},
		"acknowledged and stored twice": {nil, 2, 0, 1, 0, 0},
		"refused and not stored":        {refusal, 0, 0, 0, 0, 0},
		"refused and stored":            {refusal, 1, 0, 0, 1, 0},
		"never sent and stored":         {notSent{away}, 1, 0, 0, 1, 0},
		"answer lost, not stored":       {away, 0, 0, 0, 0, 1},
		"answer lost, stored":           {errors.New("cut"), 1, 0, 0, 0, 1},
		"answer lost, stored thrice":    {away, 3, 0, 2, 0, 1},
	} {
		a := fateOf(tt.err, tt.stored)
		if a.Sent != 1 || a.Lost != tt.lost || a.Doubled != tt.doubled || a.Ghosts != tt.ghosts || a.Unknown != tt.unknowns {
			t.Errorf("%s: %+v", name, a)
		}
		if clean := tt.lost+tt.doubled+tt.ghosts == 0; a.clean() != clean {
			t.Errorf("%s: clean is %v", name, a.clean())
		}
	}
}

func TestWhatNobodySentIsAGhost(t *testing.T) {
	l := newLedger()
	l.answered("p", l.next("p"), nil)
	l.seen("p", 0, event.ID{1})
	l.seen("p", 1, event.ID{2})
	l.seen("q", 0, event.ID{3})
	if a := l.sum(); a.Ghosts != 2 || a.Lost != 0 {
		t.Errorf("%+v", a)
	}
	l.forget()
	if a := l.sum(); a.Ghosts != 0 || a.Lost != 1 || a.LostName != "p.0" {
		t.Errorf("after forget: %+v", a)
	}
}

// TestAnEventIsDoubledByItsIDs: one number under two _ids is two events. They are
// one too many, unless its client asked two servers for it.
func TestAnEventIsDoubledByItsIDs(t *testing.T) {
	for name, tt := range map[string]struct {
		requests          int
		ids               []event.ID
		doubled, repeated int
	}{
		"read twice":                         {1, []event.ID{{1}, {1}}, 0, 0},
		"two events of one request":          {1, []event.ID{{1}, {2}}, 1, 0},
		"two events of two requests":         {2, []event.ID{{1}, {2}}, 0, 1},
		"one event of two requests":          {2, []event.ID{{1}}, 0, 0},
		"three events of two requests":       {2, []event.ID{{1}, {2}, {3}}, 1, 1},
		"two requests, neither carried out":  {2, nil, 0, 0},
		"two events, requests never counted": {0, []event.ID{{1}, {2}}, 1, 0},
	} {
		l := newLedger()
		n := l.next("p")
		l.repeated("p", n, tt.requests)
		l.answered("p", n, errs.E(errs.Unavailable, "away"))
		for _, id := range tt.ids {
			l.seen("p", n, id)
		}
		a := l.sum()
		if a.Doubled != tt.doubled || a.Repeated != tt.repeated || a.Lost+a.Ghosts != 0 {
			t.Errorf("%s: %+v", name, a)
		}
		if told := a.DoubledName == "p.0"; told != (tt.doubled > 0) {
			t.Errorf("%s: names %q", name, a.DoubledName)
		}
	}
}

func TestRefusalsAreCountedByTheirCode(t *testing.T) {
	l := newLedger()
	for range 3 {
		l.answered("p", l.next("p"), errs.E(errs.RateLimited, "x"))
	}
	l.answered("p", l.next("p"), errs.E(errs.Unavailable, "x"))
	a := l.sum()
	if a.Refused[errs.RateLimited] != 3 || a.Refused[errs.Unavailable] != 1 {
		t.Errorf("%v", a.Refused)
	}
	if got := byCode(a.Refused); got != "3 rate_limited, 1 unavailable" {
		t.Errorf("%q", got)
	}
}

func TestReceiptsAreThoseOfTheNamedProducers(t *testing.T) {
	l := newLedger()
	l.answered("d1-u1", l.next("d1-u1"), nil)
	l.answered("d1-u2", l.next("d1-u2"), errs.E(errs.TooLong, "x"))
	l.answered("d1-flood", l.next("d1-flood"), nil)
	if n := l.receipts("d1-u"); n != 1 {
		t.Errorf("%d receipts, want 1", n)
	}
}

func TestLabelsAreReadBackAndNothingElseIs(t *testing.T) {
	for _, n := range []int{0, 7, 123456} {
		if p, m, ok := parseLabel(label("d1-u2", n)); !ok || p != "d1-u2" || m != n {
			t.Errorf("%d: %q %d %v", n, p, m, ok)
		}
	}
	for _, text := range []string{"", "kim", "kim.", ".", "kim.x", "kim.-1", "kim.1.2"} {
		if p, n, ok := parseLabel(text); ok {
			t.Errorf("%q was read as %q %d", text, p, n)
		}
	}
}

// seen is a view of lines with these numbers, their text the same everywhere.
func seen(numbers ...uint64) *view {
	v := &view{}
	for _, n := range numbers {
		v.see(n, "x")
	}
	return v
}

func TestViewsThatDifferAreTold(t *testing.T) {
	_, _, whole := seen(1, 2, 3).state()
	if _, _, same := seen(1, 2, 3).state(); same != whole {
		t.Error("two readers of the same lines differ")
	}
	if _, _, h := seen(1, 3).state(); h == whole {
		t.Error("a missing line is not told")
	}
	other := seen(1, 2)
	other.see(3, "y")
	if _, _, h := other.state(); h == whole {
		t.Error("another text is not told")
	}
	for name, v := range map[string]*view{"twice": seen(1, 2, 2, 3), "out of order": seen(1, 3, 2)} {
		if _, repeats, _ := v.state(); repeats != 1 {
			t.Errorf("%s: %d repeats", name, repeats)
		}
	}
}
