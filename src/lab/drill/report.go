package drill

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Report is the outcome of one drill.
type Report struct {
	Drill      string            `json:"drill"`
	Seed       uint64            `json:"seed"`
	OK         bool              `json:"ok"`
	Faults     int               `json:"faults"`
	Account    Account           `json:"events"`
	Views      Views             `json:"readers"`
	Back       time.Duration     `json:"back_ns"`              // longest time from a heal to a served user
	BackAt     string            `json:"back_fault"`           // the fault that took it
	BackWhy    string            `json:"back_why,omitempty"`   // the steps that took it
	Whole      time.Duration     `json:"whole_ns,omitempty"`   // longest time from a served user to full redundancy, where there is any
	Gaps       Gaps              `json:"gaps"`                 // of the client that waited longest
	Minorities []Minority        `json:"minorities,omitempty"` // of a split network
	Settled    time.Duration     `json:"settled_ns"`           // from the end of the load to the last event stored
	Took       time.Duration     `json:"took_ns"`
	Memory     map[string]Memory `json:"memory"`
	Alarms     []Raised          `json:"alarms,omitempty"`     // with --alarms
	Cleared    time.Duration     `json:"cleared_ns,omitempty"` // from the last event stored to no alarm
	Broken     []string          `json:"broken,omitempty"`     // expectations that did not hold
	Error      string            `json:"error,omitempty"`
	recovery   time.Duration
	began      time.Time
}

// Views compares what the readers saw.
type Views struct {
	Readers int `json:"readers"`
	Rooms   int `json:"rooms"`
	Lines   int `json:"lines"`   // that each of their room should have seen, of all rooms
	Missing int `json:"missing"` // lines that a reader did not see, over all readers
	Repeats int `json:"repeats"` // lines shown twice or out of order
	Differ  int `json:"differ"`  // readers whose order is not the first one's
}

func (v Views) clean() bool { return v.Missing == 0 && v.Repeats == 0 && v.Differ == 0 }

// Memory is a daemon's resident memory in bytes: before, at most, and at last.
type Memory struct {
	Before int64 `json:"before"`
	Peak   int64 `json:"peak"`
	After  int64 `json:"after"`
}

func newReport(name string, opt Options) *Report {
	return &Report{Drill: name, Seed: opt.Seed, Memory: map[string]Memory{}, recovery: opt.Recovery, began: time.Now()}
}

// back notes how long a user had to wait after a heal, and where the time
// went. grace is what is granted beyond the limit.
func (r *Report) back(fault string, d, grace time.Duration, why string) {
	if d > r.recovery+grace {
		r.Broken = append(r.Broken, fmt.Sprintf("a user was served %s after the heal of %q, the limit is %s: %s",
			round(d), fault, round(r.recovery+grace), why))
	}
	if d > r.Back {
		r.Back, r.BackAt, r.BackWhy = d, fault, why
	}
}

func (r *Report) finish(err error) {
	r.Took = time.Since(r.began)
	if err != nil {
		r.Error = err.Error()
	}
	if r.Account.Acked == 0 {
		r.Broken = append(r.Broken, "not one event was acknowledged")
	}
	r.OK = err == nil && len(r.Broken) == 0 && r.Account.clean() && r.Views.clean()
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }

// Print writes a report for people.
func (r *Report) Print(w io.Writer) {
	a, v := r.Account, r.Views
	fmt.Fprintf(w, "%s: %d faults in %s (seed %d)\n", r.Drill, r.Faults, round(r.Took), r.Seed)
	fmt.Fprintf(w, "  events   sent %d  acknowledged %d  refused %s  unknown %d  stored %d\n", a.Sent, a.Acked, byCode(a.Refused), a.Unknown, a.Stored)
	fmt.Fprintf(w, "  account  lost %d  doubled %d  stored though refused %d  asked again elsewhere and done twice %d\n", a.Lost, a.Doubled, a.Ghosts, a.Repeated)
	fmt.Fprintf(w, "  readers  %d in rooms: %d, lines of these %d: missing %d, repeated %d, in another order %d\n", v.Readers, v.Rooms, v.Lines, v.Missing, v.Repeats, v.Differ)
	fmt.Fprintf(w, "  service  back at most %s after a heal (%s), all stored %s after the load\n", round(r.Back), strings.TrimSuffix(r.BackAt+": "+r.BackWhy, ": "), round(r.Settled))
	fmt.Fprintf(w, "  gaps     the client that waited longest: %s for the chat, %s for a sign-in\n", round(r.Gaps.Chat), round(r.Gaps.SignIn))
	if r.Whole > 0 {
		fmt.Fprintf(w, "  whole    every chat server there, with all lines, at most %s later\n", round(r.Whole))
	}
	for _, m := range r.Minorities {
		fmt.Fprintf(w, "  cut off  %s\n", m)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Memory)) {
		m := r.Memory[name]
		fmt.Fprintf(w, "  memory   %-16s %4d MiB before, %4d peak, %4d after\n", name, m.Before>>20, m.Peak>>20, m.After>>20)
	}
	for _, p := range r.Alarms {
		fmt.Fprintf(w, "  alarm    after %s: %s\n", round(p.After), p.Problem)
	}
	if r.Alarms != nil {
		fmt.Fprintf(w, "  alarms   %d, all over %s after the last event was stored\n", len(r.Alarms), round(r.Cleared))
	}
	if a.LostName != "" {
		fmt.Fprintf(w, "  lost     first: %s\n", a.LostName)
	}
	if a.DoubledName != "" {
		fmt.Fprintf(w, "  doubled  first: %s\n", a.DoubledName)
	}
	for _, b := range r.Broken {
		fmt.Fprintf(w, "  broken   %s\n", b)
	}
	if r.Error != "" {
		fmt.Fprintf(w, "  error    %s\n", strings.ReplaceAll(r.Error, "\n", "; "))
	}
	verdict := "FAILED"
	if r.OK {
		verdict = "ok"
	}
	fmt.Fprintf(w, "  verdict  %s\n", verdict)
}
