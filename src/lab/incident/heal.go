package incident

import (
	"context"
	"errors"
	"slices"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/drill"
	"chatlab/src/lab/mark"
)

// healLimit bounds one step that heals.
const healLimit = time.Minute

// heal undoes the faults, the last one first, and keeps the steps that did not work. It
// tries them all. Code failed.
func heal(ctx context.Context, l *lab.Lab, state string, rec *record) error {
	var failed []drill.Undo
	var why []error
	for _, step := range slices.Backward(rec.Undos) {
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), lab.Allow(l.Target, healLimit))
		err := drill.Perform(limit, l, step)
		cancel()
		if err != nil && step.Action != lab.Thaw { // a process that is gone is not frozen
			failed = append(failed, step)
			why = append(why, err)
		}
	}
	slices.Reverse(failed)
	rec.Undos = failed
	if err := rec.save(state); err != nil {
		return err
	}
	if len(why) > 0 {
		return errs.E(errs.Failed, "the lab is not healed: %w", errors.Join(why...)).WithFix("`lab down`, then `lab up`")
	}
	return nil
}

// finish ends the users, heals the lab and closes the incident.
func (r *Room) finish(ctx context.Context, rec *record) error {
	if err := EndUsers(ctx, r.State); err != nil {
		return err
	}
	r.Say("putting back what is not as it was")
	if err := heal(ctx, r.Lab, r.State, rec); err != nil {
		return err
	}
	_ = mark.Add(r.State, "the incident ends")
	rec.Ended = time.Now()
	return rec.save(r.State)
}

// BeforeUp refuses to bring a lab up that is being worked on: it would do the repair.
// Code usage.
func BeforeUp(ctx context.Context, l *lab.Lab, state string) error {
	if err := Free(state); err != nil && up(ctx, l) {
		return errs.E(errs.Usage, "%w, and `lab up` would repair it", err).WithFix("`lab restart` and the like are allowed; `lab incident end` gives up")
	}
	return nil
}

// up reports whether a service of the lab runs.
func up(ctx context.Context, l *lab.Lab) bool {
	rows, err := l.Target.Status(ctx)
	return err == nil && slices.ContainsFunc(rows, func(s lab.ServiceStatus) bool { return s.PID > 0 })
}

// BeforeStart heals what would keep a lab from coming up, as a full disk, of an incident
// that a `lab down` or a reboot has ended.
func BeforeStart(ctx context.Context, l *lab.Lab, state string) error {
	rec, err := load(state)
	if err != nil || rec == nil || len(rec.Undos) == 0 {
		return err
	}
	for _, step := range slices.Backward(rec.Undos) {
		if len(step.Run) > 0 || step.File != "" || step.PowerOn || step.Join {
			limit, cancel := context.WithTimeout(ctx, lab.Allow(l.Target, healLimit))
			_ = drill.Perform(limit, l, step) // done again once the lab is up, when its error counts
			cancel()
		}
	}
	return nil
}

// AfterUp heals the rest once the lab is up, and closes the incident. It tells
// whether there was something to heal. Code failed.
func AfterUp(ctx context.Context, l *lab.Lab, state string) (healed bool, err error) {
	rec, err := load(state)
	if err != nil || rec == nil || (len(rec.Undos) == 0 && !rec.running()) {
		return false, err
	}
	if err := EndUsers(ctx, state); err != nil {
		return false, err
	}
	healed = len(rec.Undos) > 0
	if err := heal(ctx, l, state, rec); err != nil {
		return false, err
	}
	if rec.Ended.IsZero() {
		rec.Ended = time.Now()
	}
	return healed, rec.save(state)
}

// BeforeDown ends the users and heals as much as can be healed while the lab is up. l is
// nil where its inventory cannot be read. The next `lab up` heals the rest. Code
// failed when the users' process does not end.
func BeforeDown(ctx context.Context, l *lab.Lab, state string) error {
	if err := EndUsers(ctx, state); err != nil {
		return err
	}
	rec, err := load(state)
	if err != nil || !rec.running() {
		return nil // a record that cannot be read must not keep the lab up
	}
	if l != nil && up(ctx, l) {
		_ = heal(ctx, l, state, rec) // the rest stays in the record
	}
	rec.Ended = time.Now()
	return rec.save(state)
}
