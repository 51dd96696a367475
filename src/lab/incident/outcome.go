package incident

import (
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab/drill"
	"chatlab/src/lab/report"
)

// Outcome is the result of an incident that is over.
type Outcome struct {
	Name     string   `json:"incident"`
	Title    string   `json:"title"`
	Level    int      `json:"level"`
	Minutes  int      `json:"minutes"` // that a person needs
	Score    int      `json:"score"`
	Verdict  string   `json:"verdict"` // repaired, revealed or ended
	Debrief  string   `json:"debrief"`
	Solution []string `json:"solution"`

	Began    time.Time `json:"began"`
	Symptom  time.Time `json:"first_symptom,omitzero"`
	Answered time.Time `json:"answered,omitzero"` // all causes
	Repaired time.Time `json:"repaired,omitzero"`
	Revealed time.Time `json:"revealed,omitzero"`
	Ended    time.Time `json:"ended"`
	Hints    []step    `json:"hints"`
	Answers  []answer  `json:"answers"`
	Checks   []step    `json:"failed_checks"`
	Wrong    int       `json:"wrong_answers"`

	Accounted bool     `json:"accounted"` // of all that the users did since the faults were made
	Lines     int      `json:"lines_lost"`
	Events    int      `json:"events_lost"`
	Users     int      `json:"users_lost"`
	Findings  string   `json:"account,omitempty"`
	Notes     []string `json:"notes,omitempty"`

	Feelings []Feeling `json:"feelings"`
}

// Last returns the outcome of the last incident of a state folder. Code usage when there
// is none, or it is not over.
func Last(state string) (*Outcome, error) {
	rec, err := load(state)
	switch {
	case err != nil:
		return nil, err
	case rec == nil || rec.Began.IsZero():
		return nil, errs.E(errs.Usage, "no incident was played on this lab").WithFix("`lab incident start`")
	case rec.running():
		return nil, errs.E(errs.Usage, "the incident is not over").WithFix("`lab incident check`, `lab incident reveal` or `lab incident end`")
	}
	s, err := rec.scenario()
	if err != nil {
		return nil, err
	}
	o := &Outcome{Name: s.Name, Title: s.Title, Level: s.Level, Minutes: s.Minutes, Debrief: s.Debrief, Solution: s.StepsOn(rec.Target),
		Began: rec.Began, Repaired: rec.Solved, Revealed: rec.Reveal, Ended: rec.Ended,
		Hints: rec.Hints, Answers: rec.Answers, Checks: rec.Checks, Wrong: rec.wrong(), Feelings: feelings(state)}
	o.Symptom = firstSymptom(o.Feelings, rec.Began)
	_, o.Answered = rec.causes(s)
	o.losses(rec)
	o.Verdict = "ended"
	switch {
	case !o.Repaired.IsZero():
		o.Verdict = "repaired"
	case !o.Revealed.IsZero():
		o.Verdict = "revealed"
	}
	o.Score = o.score()
	return o, nil
}

// losses counts what the account found.
func (o *Outcome) losses(rec *record) {
	if len(rec.Restarted) > 0 {
		o.Notes = append(o.Notes, "the process of the simulated users had ended: what they said before is not accounted for")
	}
	if rec.Account == nil {
		return
	}
	o.Accounted = len(rec.Restarted) == 0
	o.Lines, o.Events, o.Users = losses(rec.Account)
	o.Findings = rec.Account.Verdict
	o.Notes = append(o.Notes, rec.Account.Broken...)
}

// losses counts lines, events and users that were acknowledged and are not there.
func losses(r *drill.Report) (lines, events, users int) {
	for _, log := range r.ChatLogs {
		lines = max(lines, log.Lost)
	}
	return lines, r.Events.Lost, r.Users.Lost
}

// formats are the kinds of report.
var formats = report.Formats[*Outcome]{".json": report.JSON[*Outcome], ".html": (*Outcome).asPage}

// CheckFile makes sure that a report can be saved. Code usage.
func CheckFile(file string) error { return formats.Check(file) }

// Save writes the report. Code failed.
func (o *Outcome) Save(file string) error { return formats.Save(file, o) }
