package drill

import (
	"context"

	"chatlab/src/errs"
)

// none is the load without a fault, for what a person or a playbook does to the lab
// meanwhile: it lasts for its time, or until it is interrupted. Nobody must be
// refused but who talks too fast.
func none() Drill {
	return Drill{Name: "none", About: "no fault, only the load, while the lab is worked on", stops: true, act: func(ctx context.Context, r *run) error {
		r.say("none: begins")
		r.expect = append(r.expect, r.nobodyRefused)
		<-ctx.Done()
		return nil
	}}
}

func (r *run) nobodyRefused(context.Context) error {
	for code, n := range r.report.Refused {
		if code != errs.RateLimited && n > 0 {
			return errs.E(errs.Failed, "users were refused: %s", byCode(r.report.Refused))
		}
	}
	return nil
}
