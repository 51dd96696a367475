package incident

import (
	"context"
	"time"
)

// Status is how an incident stands. It tells nothing of its cause.
type Status struct {
	Running  bool          `json:"running"`
	Began    time.Time     `json:"began"`
	Took     time.Duration `json:"-"`
	Seconds  float64       `json:"seconds"`
	Level    int           `json:"level"`
	Minutes  int           `json:"minutes"` // that a person needs
	Story    string        `json:"story"`
	Hints    int           `json:"hints"`
	HintsMax int           `json:"hints_in_all"`
	Causes   int           `json:"causes_named"`
	All      int           `json:"causes_in_all"`
	Wrong    int           `json:"wrong_answers"`
	Feels    Feeling       `json:"users"`
	Users    bool          `json:"users_live"` // false: their process had ended, and was started again
}

// Status returns how the incident stands. Simulated users whose process has ended are
// started again. Code usage when there is no incident.
func (r *Room) Status(ctx context.Context) (Status, error) {
	rec, s, release, err := r.play()
	if err != nil {
		return Status{}, err
	}
	defer release()
	named, _ := rec.causes(s)
	end := time.Now()
	if !rec.running() {
		end = rec.Ended
	}
	out := Status{Running: rec.running(), Began: rec.Began, Took: end.Sub(rec.Began), Seconds: end.Sub(rec.Began).Seconds(), Level: s.Level,
		Minutes: s.Minutes, Story: s.Story, Hints: len(rec.Hints), HintsMax: len(s.Hints), Causes: len(named), All: len(s.Answers), Wrong: rec.wrong(),
		Feels: Feeling{Chat: Unknown, SignIn: Unknown, Events: Unknown}}
	all := feelings(r.State)
	_, out.Users = usersLive(r.State)
	if out.Users && len(all) > 0 && time.Since(all[len(all)-1].At) < staleAfter { // else they wait to be let in
		out.Feels = all[len(all)-1]
	}
	if rec.running() && !out.Users && up(ctx, r.Lab) {
		if err := r.startUsers(); err != nil {
			return out, err
		}
		rec.Restarted = append(rec.Restarted, time.Now())
		return out, rec.save(r.State)
	}
	return out, nil
}
