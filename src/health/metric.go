package health

import (
	"context"
	"strconv"

	"chatlab/src/errs"
	"chatlab/src/metrics"
)

// Metric is chatlab.metric[DAEMON,NAME]: a metric of a daemon's ops listener,
// summed over its series and over all members. NAME may have labels.
type Metric struct {
	services Services
	scraper  *scraper
}

// NewMetric makes the check.
func NewMetric(s Services) *Metric { return &Metric{s, newScraper()} }

// Key implements [Check].
func (*Metric) Key() string { return "chatlab.metric" }

// About implements [Check].
func (*Metric) About() string {
	return `[DAEMON,NAME] a metric of auth, chat, logd, auth_logger or chat_logger, summed; NAME may have labels: "a_total{call=\"login\"}"`
}

// Run implements [Check].
func (m *Metric) Run(ctx context.Context, params []string) (string, error) {
	if len(params) != 2 {
		return "", errs.E(errs.BadRequest, "Give a daemon and the name of a metric.")
	}
	addrs, known := m.services.opsOf(params[0])
	switch {
	case !known:
		return "", errs.E(errs.BadRequest, "There is no daemon %q: give auth, chat, logd, auth_logger or chat_logger.", clip(params[0]))
	case len(addrs) == 0:
		return "", errs.E(errs.Failed, "No ops listener of %s is configured.", params[0])
	}
	want, err := metrics.ParseSeries(params[1])
	if err != nil {
		return "", errs.E(errs.BadRequest, "%q is no name of a metric.", clip(params[1]))
	}
	value, err := m.scraper.sum(ctx, addrs, want)
	return strconv.FormatFloat(value, 'f', -1, 64), err
}
