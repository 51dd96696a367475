package drill

import (
	"context"
	"fmt"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab/inventory"
	"chatlab/src/wait"
)

const (
	maxReplicas = 3               // of the chat log
	wholeLimit  = 4 * time.Minute // a replica that took lines while it was alone drops each in two seconds or three
)

// whole waits, after a heal, until the chat servers of a lab that has several
// are all there, hold every line as often as they should and serve every client:
// a next fault then hits what can bear it, and a client's wait is one fault's. It
// notes how long that took.
func (r *run) whole(ctx context.Context) error {
	members := r.lab.Inventory.Members(inventory.Chatd)
	if len(members) < 2 {
		return nil
	}
	began, lacks := time.Now(), ""
	complete := wait.Until(ctx, probeEvery, func() bool {
		now := r.lacking(ctx, members)
		if now == "" || ctx.Err() == nil { // at the end nobody answers: what was lacking before counts
			lacks = now
		}
		return now == ""
	})
	if !complete {
		return errs.E(errs.Failed, "the chat servers are not whole again after the heal: %s", lacks)
	}
	r.report.Whole = max(r.report.Whole, Seconds(time.Since(began)))
	return nil
}

// lacking returns what one of the chat servers lacks, or "".
func (r *run) lacking(ctx context.Context, members []inventory.Node) (lacks string) {
	for _, n := range members {
		ops := r.lab.Inventory.OpsAddress(inventory.Chatd, n)
		for name, want := range map[string]int{"members": len(members), "replicas_current": min(maxReplicas, len(members))} {
			switch v, ok := metric(ctx, r.ops, ops, "chatlab_chatlog_"+name); {
			case !ok:
				lacks = fmt.Sprintf("%s: %s has no metrics", n.Name, ops)
			case int(v) < want:
				lacks = fmt.Sprintf("%s: %s %.0f of %d", n.Name, name, v, want)
			}
		}
	}
	if chat, signIn := r.crew.waiting(), r.crew.signersWaiting(); lacks == "" && chat+signIn > 0 {
		lacks = fmt.Sprintf("%d clients wait for the chat and %d for a sign-in", chat, signIn)
	}
	return lacks
}
