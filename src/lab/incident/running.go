package incident

import (
	"time"

	"chatlab/src/errs"
)

// Running reports whether an incident is played on the lab of a state folder, and since
// when. It tells nothing of the cause.
func Running(state string) (since time.Time, running bool) {
	rec, err := load(state)
	if err != nil || !rec.running() {
		return time.Time{}, false
	}
	return rec.Began, true
}

// Free fails with code usage while an incident is played on the lab of a state folder.
func Free(state string) error {
	since, running := Running(state)
	if !running {
		return nil
	}
	when := "is about to begin"
	if !since.IsZero() {
		when = "has been running since " + since.Local().Format("15:04:05")
	}
	return errs.E(errs.Usage, "an incident %s on this lab", when).WithFix("`lab incident status`; `lab incident end` heals the lab")
}
