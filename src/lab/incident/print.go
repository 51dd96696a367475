package incident

import (
	"fmt"
	"io"
	"strings"
)

// Print writes an incident that is over for people.
func (o *Outcome) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s, level %d): %s after %s, %d of 100 points\n", o.Title, o.Name, o.Level, o.Verdict, minutes(o.Ended.Sub(o.Began)), o.Score)
	for _, m := range o.moments() {
		fmt.Fprintf(&b, "  %6s  %s\n", minutes(m.At.Sub(o.Began)), m.Long())
	}
	if o.Findings != "" {
		fmt.Fprintf(&b, "  lost    %d lines, %d events, %d users; account: %s\n", o.Lines, o.Events, o.Users, o.Findings)
	}
	for _, n := range o.Notes {
		fmt.Fprintf(&b, "  note    %s\n", n)
	}
	fmt.Fprintf(&b, "\n%s\nThe shortest way:\n", strings.TrimSpace(o.Debrief))
	for _, step := range o.Solution {
		fmt.Fprintf(&b, "  %s\n", step)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// String is one line for people.
func (r *Rehearsal) String() string {
	if !r.OK {
		return r.Name + ": FAILED: " + r.Why
	}
	return fmt.Sprintf("%s: ok: faults made in %s, symptoms after %s, solution %s, checks pass after %s, account %s in %s",
		r.Name, r.Faults, r.Symptoms, r.Solution, r.Repaired, r.Verdict, r.Account)
}
