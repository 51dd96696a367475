package drill

import (
	"context"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/mongodb"
	"chatlab/src/wait"
)

// readBack reads the log database into the ledger once nothing is on its way to
// it any more, so that late events are counted too, or when ctx ends. Only
// a database that cannot be read is an error: missing events are the account's
// matter. began is the end of the load.
func (r *run) readBack(ctx context.Context, began time.Time) error {
	log, err := lab.OpenLog(r.lab.Target)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // it was only read
	for {
		r.ledger.expectEvents() // before idle: a client that signs in meanwhile is not expected
		idle := r.idle(ctx)
		if idle && r.report.Settled == 0 {
			r.report.Settled = Seconds(time.Since(began))
		}
		var last error
		if idle || ctx.Err() != nil {
			if last = r.readOnce(context.WithoutCancel(ctx), log); last == nil {
				return nil
			}
		}
		if !wait.Sleep(ctx, time.Second/4) && last != nil {
			return errs.Wrap(last, errs.Failed, "the log database cannot be read back")
		}
	}
}

// readOnce reads in one pass: the embedded database reads all that it has for
// every query.
func (r *run) readOnce(ctx context.Context, log *mongodb.Log) error {
	p := r.ledger.openEvents()
	since := r.report.began.Add(-time.Minute) // clocks of machines differ
	for rec, err := range log.Scan(ctx, mongodb.Filter{Since: since}) {
		if err != nil {
			return err
		}
		if r.mine(rec.Subject) || r.mine(rec.Data) {
			p.event(rec)
		}
	}
	// The scan may have seen the event of a sign-in whose answer is still due.
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	wait.Until(ctx, 10*time.Millisecond, r.ledger.signsAnswered)
	r.report.Events.Stored, r.report.Events.Repeated = p.closeEvents()
	r.report.Events.Account = p.Account
	return nil
}

// event takes an event of a user of this drill, or of a line that begins with one
// of its labels.
func (p *reading) event(rec mongodb.Record) {
	name := rec.Category + " of " + rec.Subject
	switch {
	case !rec.Exact:
		p.add(altered, 1, name)
	case rec.Server == "chat" && rec.Category == "chat":
		p.stored(record(rec.Event))
	case rec.Server == "auth" && p.ledger.sawSigning(rec.Event):
	default:
		p.add(unsent, 1, name)
	}
}

// idle reports whether nothing is on its way any more: an event that is not stored
// now never will be.
func (r *run) idle(ctx context.Context) bool {
	for _, w := range []struct{ ops, metric string }{
		{"authd", "chatlab_events_unacked"}, {"chatd", "chatlab_events_unacked"}, {"chatd", "chatlab_chatlog_events_backlog"},
		{"authd_logger", "chatlab_logger_backlog_bytes"}, {"chatd_logger", "chatlab_logger_backlog_bytes"},
	} {
		for _, n := range r.lab.Inventory.Members(strings.TrimSuffix(w.ops, "_logger")) {
			if v, ok := metric(ctx, r.ops, r.lab.Inventory.OpsAddress(w.ops, n), w.metric); !ok || v > 0 {
				return false
			}
		}
	}
	return true
}
