package drill

import (
	"context"

	"chatlab/src/lab/watch"
)

// markDashboards marks the drill on the dashboards, where the lab has any; what it returns
// ends the mark with the verdict. A dashboard that cannot be reached is no fault of
// the lab: the drill goes on without a mark.
func (r *run) markDashboards(ctx context.Context, d Drill) (end func()) {
	ctx = context.WithoutCancel(ctx) // an interrupted drill has an end, too
	if r.opt.Marks == nil {
		return func() {}
	}
	m, err := r.opt.Marks.Begin(ctx, "lab drill "+d.Name+": "+d.About)
	if err != nil {
		r.say("the dashboards show no mark of this drill: %v", err)
		return func() {}
	}
	return func() { r.endMark(ctx, m, d) }
}

func (r *run) endMark(ctx context.Context, m *watch.Mark, d Drill) {
	verdict := "failed"
	switch {
	case r.report.Interrupted:
		verdict = "interrupted"
	case r.report.OK:
		verdict = "ok"
	}
	if err := m.End(ctx, "lab drill "+d.Name+": "+verdict); err != nil {
		r.say("the mark of this drill on the dashboards has no end: %v", err)
	}
}
