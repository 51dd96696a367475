package drill

import (
	"context"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/mongodb"
)

// readBack reads the log database into the ledger, again and again, until it
// has all that was acknowledged or ctx ends. Only a database that cannot be
// read is an error: what is missing is the account's matter.
func (r *run) readBack(ctx context.Context) error {
	log, err := openLog(r)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // it was only read
	for {
		idle := r.idle(ctx) // asked before: what is stored while it is read may be missed
		last := r.readOnce(ctx, log)
		if a := r.ledger.sum(); last == nil && (a.Lost == 0 || idle) {
			return nil
		}
		select {
		case <-ctx.Done():
			if last != nil {
				return errs.Wrap(last, errs.Failed, "the log database cannot be read back")
			}
			return nil
		case <-time.After(time.Second / 4):
		}
	}
}

func openLog(r *run) (*mongodb.Log, error) {
	cfg := mongodb.Config{URI: r.lab.Target.MongoURI(), User: r.lab.Target.MongoUser()}
	if cfg.User != "" {
		path, err := r.lab.Target.Secret("mongodb.password")
		if err != nil {
			return nil, err
		}
		cfg.PasswordFile = path
	}
	return mongodb.Open(cfg)
}

func (r *run) readOnce(ctx context.Context, log *mongodb.Log) error {
	r.ledger.forget()
	since := r.report.began.Add(-time.Minute) // clocks of machines differ
	for rec, err := range log.Scan(ctx, mongodb.Filter{Server: "chat", Category: "chat", Since: since}) {
		if err != nil {
			return err
		}
		r.note("", firstWord(rec.Data))
	}
	for _, category := range []string{"signin", "signup"} {
		for rec, err := range log.Scan(ctx, mongodb.Filter{Server: "auth", Category: category, Since: since}) {
			if err != nil {
				return err
			}
			if rec.Data == "success" {
				r.note(category+":", rec.Subject)
			}
		}
	}
	return nil
}

func (r *run) note(prefix, text string) {
	if producer, n, ok := parseLabel(text); ok && r.mine(producer) {
		r.ledger.seen(prefix+producer, n)
	}
}

func firstWord(s string) string {
	for i := range len(s) {
		if s[i] == ' ' {
			return s[:i]
		}
	}
	return s
}

// idle tells whether nothing is on its way any more: what is not stored now
// never will be.
func (r *run) idle(ctx context.Context) bool {
	for _, w := range []struct{ ops, metric string }{
		{"authd", "chatlab_events_unacked"}, {"chatd", "chatlab_events_unacked"}, {"chatd", "chatlab_chatlog_events_backlog"},
		{"authd_logger", "chatlab_logger_backlog_bytes"}, {"chatd_logger", "chatlab_logger_backlog_bytes"},
	} {
		for _, n := range r.lab.Inventory.Members(strings.TrimSuffix(w.ops, "_logger")) {
			if v, ok := metric(ctx, r.lab.Inventory.OpsAddress(w.ops, n), w.metric); !ok || v > 0 {
				return false
			}
		}
	}
	return true
}
