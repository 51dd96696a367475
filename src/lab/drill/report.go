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
	Drill string `json:"drill"`
	Seed  uint64 `json:"seed"`
	OK    bool   `json:"ok"`
	// Verdict is ok, FAILED with the words of the account, incomplete, or
	// interrupted.
	Verdict     string `json:"verdict"`
	Interrupted bool   `json:"interrupted,omitempty"` // its expectations were not asked for
	Faults      int    `json:"faults"`
	Round       Round  `json:"round,omitzero"`
	Totals
	ChatLogs   []ChatLog         `json:"chat_log"` // as each server has it
	Events     Events            `json:"events"`
	Readers    Views             `json:"readers"`
	Users      Users             `json:"users"`
	Back       Seconds           `json:"back"`                 // longest time from a heal to a served user
	BackAt     string            `json:"back_fault"`           // the fault that took it
	BackWhy    string            `json:"back_why,omitempty"`   // the steps that took it
	Whole      Seconds           `json:"whole,omitempty"`      // longest time from a served user to full redundancy, where there is any
	Gaps       Gaps              `json:"gaps"`                 // of the client that waited longest
	Minorities []Minority        `json:"minorities,omitempty"` // of a split network
	Settled    Seconds           `json:"settled"`              // from the end of the load to the last event stored
	Counted    Seconds           `json:"account"`              // that the account took
	Took       Seconds           `json:"took"`
	Timeline   Timeline          `json:"timeline"`
	Memory     map[string]Memory `json:"memory"`
	Alarms     []Raised          `json:"alarms,omitempty"`  // with --alarms
	Cleared    Seconds           `json:"cleared,omitempty"` // from the last event stored to no alarm
	Broken     []string          `json:"broken,omitempty"`  // expectations that did not hold
	Error      string            `json:"error,omitempty"`
	recovery   time.Duration
	began      time.Time
}

// Round says how far a drill came that makes its faults by rounds.
type Round struct {
	Faults int `json:"faults"` // of one whole round
	Done   int `json:"done"`   // of the first round
}

// round notes that so many faults were made of those that a whole round has.
func (r *Report) round(done, of int) { r.Round = Round{Faults: of, Done: min(done, of)} }

// Events is the account of the event log.
type Events struct {
	Stored   int `json:"stored"`
	Repeated int `json:"repeated"` // requests that several auth servers did for one call
	Account
}

// Views is the account of the lines that readers were shown.
type Views struct {
	Readers int `json:"readers"`
	Rooms   int `json:"rooms"`
	Lines   int `json:"lines"`   // of the stored log, in all rooms
	Dropped int `json:"dropped"` // repeats that clients received and did not show
	Account
}

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
// went. grace is the time granted beyond the limit.
func (r *Report) back(fault string, d, grace time.Duration, why string) {
	if d > r.recovery+grace {
		r.Broken = append(r.Broken, fmt.Sprintf("a user was served %s after the heal of %q, the limit is %s: %s",
			round(d), fault, round(r.recovery+grace), why))
	}
	if Seconds(d) > r.Back {
		r.Back, r.BackAt, r.BackWhy = Seconds(d), fault, why
	}
}

func (r *Report) finish(err error) {
	r.Took = Seconds(time.Since(r.began))
	if err != nil {
		r.Error = err.Error()
	}
	if r.Lines == 0 {
		r.Broken = append(r.Broken, "no line was acknowledged")
	}
	r.Verdict = r.verdict()
	r.OK = r.Verdict == "ok"
}

// words lists the words of everything that an account found.
func (r *Report) words() []string {
	var all Account
	for _, log := range r.ChatLogs {
		all.merge(log.Account)
	}
	all.merge(r.Events.Account)
	all.merge(r.Readers.Account)
	all.add(lost, r.Users.Lost, r.Users.First)
	return all.words()
}

// verdict is one word, or FAILED with the words of the account.
func (r *Report) verdict() string {
	switch words := r.words(); {
	case len(words) > 0:
		return "FAILED: " + strings.Join(words, ", ")
	case r.Error != "" || len(r.Broken) > 0:
		return "FAILED"
	case r.Interrupted:
		return "interrupted"
	case r.Round.Done < r.Round.Faults:
		return "incomplete"
	}
	return "ok"
}

// made writes the faults, and how far the first round came where it was not finished.
func (r *Report) made() string {
	if r.Round.Done < r.Round.Faults {
		return fmt.Sprintf("%d faults, %d of a round of %d", r.Faults, r.Round.Done, r.Round.Faults)
	}
	return fmt.Sprintf("%d faults", r.Faults)
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }

// Print writes a report for people; paint colours the verdict, nil does not.
func (r *Report) Print(w io.Writer, paint func(string) string) {
	fmt.Fprintf(w, "%s: %s in %s (seed %d)\n", r.Drill, r.made(), r.Took, r.Seed)
	fmt.Fprintf(w, "  load     sent %d  acknowledged %d  refused %s  unknown %d\n", r.Sent, r.Acked, byCode(r.Refused), r.Unknown)
	for _, log := range r.ChatLogs {
		fmt.Fprintf(w, "  chat log at %s: stored %d  %s\n", log.Server, log.Stored, &log.Account)
	}
	fmt.Fprintf(w, "  events   stored %d  repeated %d  %s\n", r.Events.Stored, r.Events.Repeated, &r.Events.Account)
	v := r.Readers
	fmt.Fprintf(w, "  readers  readers %d  rooms %d  lines %d  dropped %d  %s\n", v.Readers, v.Rooms, v.Lines, v.Dropped, &v.Account)
	fmt.Fprintf(w, "  users    signed_up %d  lost %d\n", r.Users.SignedUp, r.Users.Lost)
	r.printTimes(w)
	for _, reason := range r.reasons() {
		fmt.Fprintf(w, "  %s\n", reason)
	}
	verdict := r.Verdict
	if paint != nil {
		verdict = paint(verdict)
	}
	fmt.Fprintf(w, "  verdict  %s\n", verdict)
}

// printTimes writes how long users waited, and how much memory the daemons had.
func (r *Report) printTimes(w io.Writer) {
	fmt.Fprintf(w, "  service  back at most %s after a heal (%s), all stored %s after the load, accounted for in %s\n", r.Back, strings.TrimSuffix(r.BackAt+": "+r.BackWhy, ": "), r.Settled, r.Counted)
	fmt.Fprintf(w, "  gaps     the client that waited longest: %s for the chat, %s for a sign-in\n", r.Gaps.Chat, r.Gaps.SignIn)
	if r.Whole > 0 {
		fmt.Fprintf(w, "  whole    every chat server there, with all lines, at most %s later\n", r.Whole)
	}
	for _, m := range r.Minorities {
		fmt.Fprintf(w, "  cut off  %s\n", m)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Memory)) {
		m := r.Memory[name]
		fmt.Fprintf(w, "  memory   %-16s %4d MiB before, %4d peak, %4d after\n", name, m.Before>>20, m.Peak>>20, m.After>>20)
	}
	for _, p := range r.Alarms {
		fmt.Fprintf(w, "  alarm    after %s: %s\n", p.After, p.Problem)
	}
	if r.Alarms != nil {
		fmt.Fprintf(w, "  alarms   %d, all over %s after the last event was stored\n", len(r.Alarms), r.Cleared)
	}
}

// reasons lists why the verdict is not ok: expectations that did not hold, the
// error, and the first finding of each word at each place.
func (r *Report) reasons() (out []string) {
	places := map[string]map[string]string{"events": r.Events.First, "readers": r.Readers.First}
	for _, log := range r.ChatLogs {
		places["chat log at "+log.Server] = log.First
	}
	if r.Users.First != "" {
		places["users"] = map[string]string{lost: r.Users.First}
	}
	for _, place := range slices.Sorted(maps.Keys(places)) {
		for _, word := range slices.Sorted(maps.Keys(places[place])) {
			out = append(out, fmt.Sprintf("%-8s first of %s: %s", word, place, places[place][word]))
		}
	}
	for _, b := range r.Broken {
		out = append(out, "broken   "+b)
	}
	if r.Error != "" {
		out = append(out, "error    "+strings.ReplaceAll(r.Error, "\n", "; "))
	}
	return out
}
