package incident

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"chatlab/src/errs"
	"chatlab/src/files"
	"chatlab/src/lab/drill"
	"chatlab/src/lab/incident/scenario"
)

// record is the incident of a lab, as it is kept on disk.
type record struct {
	Name    string    `json:"name"` // of the scenario
	Text    string    `json:"scenario"`
	Target  string    `json:"target"`
	Drawn   bool      `json:"drawn"` // the name is not shown before the end
	Seed    uint64    `json:"seed"`
	Began   time.Time `json:"began"` // when the faults were made; zero: not yet
	Ended   time.Time `json:"ended,omitzero"`
	Solved  time.Time `json:"repaired,omitzero"`
	Reveal  time.Time `json:"revealed,omitzero"`
	Hints   []step    `json:"hints,omitempty"`
	Answers []answer  `json:"answers,omitempty"`
	Checks  []step    `json:"checks,omitempty"` // `check` that found it not repaired

	// Undos heal the faults, the first one first made. Those that are done are gone.
	Undos []drill.Undo `json:"undos,omitempty"`

	// Restarted is when the simulated users began again after their process had ended.
	Restarted []time.Time   `json:"users_again,omitempty"`
	Account   *drill.Report `json:"account,omitempty"`
}

// step is something that the person did.
type step struct {
	At   time.Time `json:"at"`
	Text string    `json:"text,omitempty"`
}

// answer is a cause that the person named.
type answer struct {
	At    time.Time `json:"at"`
	Part  string    `json:"part"`
	Kind  string    `json:"kind"`
	Cause int       `json:"cause"` // place in the scenario's answers, -1 for a wrong one
}

const recordName = "record.json"

func makeFolder(state string) error {
	if err := os.MkdirAll(filepath.Join(state, Folder), 0o700); err != nil {
		return errs.E(errs.Usage, "incident: %w", err).WithFix("name a folder that you may write to with --state")
	}
	return nil
}

// load reads the record of a state folder; nil when there is none. Code usage when it
// cannot be read.
func load(state string) (*record, error) {
	text, err := os.ReadFile(fileOf(state, recordName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	rec := &record{}
	if err == nil {
		err = json.Unmarshal(text, rec)
	}
	if err != nil {
		return nil, errs.E(errs.Usage, "incident: %w", err).WithFix("`lab down` and `lab up` heal the lab; then remove %s", filepath.Join(state, Folder))
	}
	return rec, nil
}

func (rec *record) save(state string) error {
	text, err := json.MarshalIndent(rec, "", "  ")
	if err == nil {
		err = files.Write(fileOf(state, recordName), text, 0o600)
	}
	if err != nil {
		return errs.E(errs.Failed, "incident: %w", err)
	}
	return nil
}

// running reports whether the person is still at work, or the lab is not healed yet.
func (rec *record) running() bool { return rec != nil && rec.Ended.IsZero() }

func (rec *record) scenario() (*scenario.Scenario, error) {
	s, err := scenario.Parse(rec.Name+".yml", []byte(rec.Text), nil)
	if err == nil {
		s.Name = rec.Name
	}
	return s, err
}

// causes returns which causes were named, and when the last one was; zero when one is
// still open.
func (rec *record) causes(s *scenario.Scenario) (named map[int]bool, all time.Time) {
	named = map[int]bool{}
	for _, a := range rec.Answers {
		if a.Cause >= 0 && !named[a.Cause] {
			named[a.Cause] = true
			if len(named) == len(s.Answers) {
				all = a.At
			}
		}
	}
	return named, all
}

// wrong counts the answers that named no cause.
func (rec *record) wrong() (n int) {
	for _, a := range rec.Answers {
		if a.Cause < 0 {
			n++
		}
	}
	return n
}
