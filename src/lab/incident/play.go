package incident

import (
	"context"
	"errors"
	"os"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab/drill"
	"chatlab/src/lab/incident/scenario"
	"chatlab/src/lab/mark"
)

// Start makes the faults of a scenario on a lab that is well, and lets users feel them.
// text is the scenario's file; drawn says that its name is not to be known. Codes: usage
// (an incident or a drill runs, the lab cannot have it), failed (it is healed).
func (r *Room) Start(ctx context.Context, s *scenario.Scenario, text []byte, drawn bool, seed uint64) error {
	lock, err := hold(r.State)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	if err := r.clear(ctx); err != nil {
		return err
	}
	if why := Skipped(r.Lab, s); why != "" {
		return errs.E(errs.Usage, "this incident cannot be played here: %s", why).WithFix("`lab incident list` shows where each can")
	}
	rec := &record{Name: s.Name, Text: string(text), Target: r.Lab.Target.Name(), Drawn: drawn, Seed: seed}
	faults, err := plan(ctx, r.Lab, s)
	if err != nil {
		return err
	}
	for _, f := range faults {
		rec.Undos = append(rec.Undos, f.undos...)
	}
	if err := rec.save(r.State); err != nil {
		return err
	}
	if err := r.begin(ctx, faults); err != nil {
		return errors.Join(err, r.finish(context.WithoutCancel(ctx), rec))
	}
	rec.Began = time.Now()
	return rec.save(r.State)
}

// Recover heals an incident whose start was cut short, as by a kill of `lab`: its faults
// may have been made, and nobody plays it. Codes: usage (it is being started now), failed.
func (r *Room) Recover(ctx context.Context) error {
	if !unbegun(r.State) {
		return nil
	}
	lock, err := hold(r.State)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	rec, err := load(r.State)
	if err != nil || !rec.running() || !rec.Began.IsZero() {
		return err
	}
	r.Say("the start of an incident was cut short")
	return r.finish(ctx, rec)
}

func unbegun(state string) bool {
	rec, err := load(state)
	return err == nil && rec.running() && rec.Began.IsZero()
}

// clear makes room for a new incident.
func (r *Room) clear(ctx context.Context) error {
	if err := drill.Free(r.State); err != nil {
		return err
	}
	rec, err := load(r.State)
	switch {
	case err != nil:
		return err
	case rec.running():
		return Free(r.State)
	case rec != nil && len(rec.Undos) > 0:
		if err := heal(ctx, r.Lab, r.State, rec); err != nil {
			return err
		}
	}
	_ = os.Remove(r.path(feelingsName))
	_ = os.Remove(r.path(usersLog))
	return nil
}

// begin lets the users in and makes the faults.
func (r *Room) begin(ctx context.Context, faults []breakage) error {
	r.Say("users sign up and join the chat")
	if err := r.startUsers(); err != nil {
		return err
	}
	if err := r.awaitUsers(ctx); err != nil {
		return err
	}
	r.Say("something happens")
	_ = mark.Add(r.State, "an incident begins") // those who watch see when, never what
	for _, f := range faults {
		if err := f.make(ctx); err != nil {
			return err
		}
	}
	return nil
}

// play is the incident under way. The returned function gives it back to other commands.
// Code usage when there is none.
func (r *Room) play() (rec *record, s *scenario.Scenario, release func(), err error) {
	lock, err := hold(r.State)
	if err != nil {
		return nil, nil, nil, err
	}
	release = lock.Unlock
	if rec, err = load(r.State); err == nil && (rec == nil || rec.Began.IsZero()) {
		err = errs.E(errs.Usage, "no incident runs on this lab").WithFix("`lab incident start`")
	}
	if err == nil {
		s, err = rec.scenario()
	}
	if err != nil {
		release()
		return nil, nil, nil, err
	}
	return rec, s, release, nil
}

// Hint returns the next hint and how many are left. Code usage when none is.
func (r *Room) Hint() (hint string, left int, err error) {
	rec, s, release, err := r.play()
	if err != nil {
		return "", 0, err
	}
	defer release()
	n := len(rec.Hints)
	switch {
	case !rec.running():
		return "", 0, over()
	case n == len(s.Hints):
		return "", 0, errs.E(errs.Usage, "there is no further hint").WithFix("`lab incident reveal` shows the cause and heals the lab")
	}
	rec.Hints = append(rec.Hints, step{At: time.Now(), Text: s.Hints[n]})
	return s.Hints[n], len(s.Hints) - n - 1, rec.save(r.State)
}

func over() error {
	return errs.E(errs.Usage, "the incident is over").WithFix("`lab incident status` shows its score, `lab incident start` begins another")
}

// Answer names a cause. It returns whether it is one, and how many causes nobody has
// named yet. Code usage when the cause was shown.
func (r *Room) Answer(part, kind string) (right bool, open int, err error) {
	rec, s, release, err := r.play()
	if err != nil {
		return false, 0, err
	}
	defer release()
	if !rec.Reveal.IsZero() || (!rec.running() && rec.Solved.IsZero()) {
		return false, 0, over()
	}
	a := answer{At: time.Now(), Part: part, Kind: kind, Cause: -1}
	for i, want := range s.Answers {
		if want.Right(part, kind) {
			a.Cause = i
		}
	}
	rec.Answers = append(rec.Answers, a)
	named, _ := rec.causes(s)
	return a.Cause >= 0, len(s.Answers) - len(named), rec.save(r.State)
}

// Question returns the scenario's question.
func (r *Room) Question() (string, error) {
	_, s, release, err := r.play()
	if err != nil {
		return "", err
	}
	release()
	return s.Question, nil
}
