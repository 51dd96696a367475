package incident

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"time"

	"chatlab/src/lab/drill"
	"chatlab/src/lab/incident/scenario"
)

// Words for how users are served.
const (
	OK      = "ok"
	Slow    = "slow"
	Failing = "failing"
	Unknown = "unknown"
)

const (
	slowAfter    = time.Second // a user who is served has an answer within milliseconds
	failingAfter = 5 * time.Second
	lateAfter    = 4 * time.Second // events that wait this long are slow
	lostAfter    = 15 * time.Second
)

// Feeling is how the users were served at one moment.
type Feeling struct {
	At      time.Time `json:"at"`
	Chat    string    `json:"chat"`
	SignIn  string    `json:"sign_in"`
	Events  string    `json:"events"`
	Waiting float64   `json:"waiting"` // seconds, of the user of the chat who waits longest
	Signing float64   `json:"signing"` // seconds, of the user who waits longest for a sign-in
	Backlog int64     `json:"backlog"` // bytes of events on their way
}

// of returns the feelings, by the names that scenarios use.
func (f Feeling) of(name string) string {
	return map[string]string{scenario.Chat: f.Chat, scenario.SignIn: f.SignIn, scenario.Events: f.Events}[name]
}

func (f Feeling) well() bool { return f.Chat == OK && f.SignIn == OK && f.Events == OK }

// senses turns measurements into feelings. Events are late when something has been on
// its way for a while without a break: a moment's backlog is normal.
type senses struct{ busy time.Time }

func (s *senses) feel(w drill.Waits, now time.Time) Feeling {
	f := Feeling{At: now, Chat: word(w.Chat, slowAfter, failingAfter), SignIn: word(w.SignIn, slowAfter, failingAfter),
		Waiting: w.Chat.Seconds(), Signing: w.SignIn.Seconds(), Backlog: w.Backlog}
	switch {
	case w.Backlog == 0 && !w.Unknown:
		s.busy = time.Time{}
	case s.busy.IsZero():
		s.busy = now
	}
	f.Events = OK
	if !s.busy.IsZero() {
		f.Events = word(now.Sub(s.busy), lateAfter, lostAfter)
	}
	return f
}

func word(waits, slow, failing time.Duration) string {
	switch {
	case waits >= failing:
		return Failing
	case waits >= slow:
		return Slow
	}
	return OK
}

const feelingsName = "feelings.jsonl"

// append adds a feeling to the file of an incident.
func (f Feeling) append(state string) error {
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(fileOf(state, feelingsName), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(append(text, '\n'))
	if e := file.Close(); err == nil {
		err = e
	}
	return err
}

// feelings reads the file of an incident. A line that was cut by a kill is left out.
func feelings(state string) (all []Feeling) {
	text, _ := os.ReadFile(fileOf(state, feelingsName))
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		var f Feeling
		if json.Unmarshal(lines.Bytes(), &f) == nil {
			all = append(all, f)
		}
	}
	return all
}

// firstSymptom returns when users felt something first, zero if they never did.
func firstSymptom(all []Feeling, began time.Time) time.Time {
	for _, f := range all {
		if f.At.After(began) && !f.well() {
			return f.At
		}
	}
	return time.Time{}
}
