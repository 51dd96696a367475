package health

import (
	"context"
	"strconv"

	"chatlab/src/errs"
	"chatlab/src/metrics"
)

// Backlog is chatlab.events.backlog[(auth|chat)]: the bytes of events that no
// log server has stored yet, as the loggers know them.
type Backlog struct {
	services Services
	scraper  *scraper
}

// NewBacklog makes the check.
func NewBacklog(s Services) *Backlog { return &Backlog{s, newScraper()} }

// Key implements [Check].
func (*Backlog) Key() string { return "chatlab.events.backlog" }

// About implements [Check].
func (*Backlog) About() string {
	return "[auth|chat] bytes of events in the spools of that service's loggers, without it of both"
}

// Run implements [Check].
func (b *Backlog) Run(ctx context.Context, params []string) (string, error) {
	addrs := append(append([]string(nil), b.services.AuthLoggerOps...), b.services.ChatLoggerOps...)
	switch {
	case len(params) > 1:
		return "", errs.E(errs.BadRequest, "Too many parameters.")
	case len(params) == 1 && params[0] == "auth":
		addrs = b.services.AuthLoggerOps
	case len(params) == 1 && params[0] == "chat":
		addrs = b.services.ChatLoggerOps
	case len(params) == 1 && params[0] != "":
		return "", errs.E(errs.BadRequest, "Give auth or chat.")
	}
	if len(addrs) == 0 {
		return "", errs.E(errs.Failed, "No ops listener of a logger is configured.")
	}
	value, err := b.scraper.sum(ctx, addrs, metrics.Named("chatlab_logger_backlog_bytes"))
	return strconv.FormatFloat(value, 'f', -1, 64), err
}
