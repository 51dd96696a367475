package drill

import (
	"context"
	"time"

	"chatlab/src/wait"
)

// faultLimit is how long one fault of a round may take with its heal, beyond the
// drill's own time, until the round counts as one that cannot be finished.
const faultLimit = time.Minute

// round makes each fault once and holds it for as long as it says. The drill's time
// is raised to that.
func (r *run) round(ctx context.Context, faults []fault) error {
	return r.strikes(ctx, 0, faults, func() bool { return true })
}

// rounds makes the faults one after the other, with a pause between two, for as
// long as the drill lasts, but one whole round at least, or until Zabbix has raised
// everything that the drill must raise.
func (r *run) rounds(ctx context.Context, pause time.Duration, faults []fault) error {
	return r.strikes(ctx, pause, faults, func() bool { return ctx.Err() != nil })
}

// strikes makes one round of faults, and further ones until over holds.
func (r *run) strikes(ctx context.Context, pause time.Duration, faults []fault, over func() bool) error {
	full, cancel := r.outlasting(remaining(ctx) + time.Duration(len(faults))*faultLimit)
	defer cancel()
	raised := false
	for i := 0; !r.shown() && (i < len(faults) || !over()); i++ {
		r.report.round(i, len(faults))
		if full.Err() != nil {
			return nil // the report says how far it came
		}
		if ctx.Err() != nil && !raised {
			raised = true
			r.say("a round of %d faults takes longer than --for %s: it is finished first", len(faults), r.opt.For)
		}
		next := time.Now().Add(pause)
		if err := r.strike(full, faults[i%len(faults)]); err != nil {
			return err
		}
		r.report.round(i+1, len(faults))
		if i+1 < len(faults) || !over() {
			wait.Sleep(full, time.Until(next))
		}
	}
	r.report.round(len(faults), len(faults))
	return nil
}
