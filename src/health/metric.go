package health

import (
	"bytes"
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/common/model"

	"chatlab/src/errs"
	"chatlab/src/metrics"
)

// scraper reads /metrics of ops listeners and keeps what it read for a moment:
// many items ask for values of the same page.
type scraper struct {
	mu    sync.Mutex
	pages map[string]*page // by address; those that are configured
}

type page struct {
	turn   chan struct{}
	at     time.Time
	series metrics.Page
}

const (
	pageAge = 2 * time.Second
	maxPage = 1 << 20 // bytes
)

func newScraper() *scraper { return &scraper{pages: map[string]*page{}} }

// read returns the series of one listener.
func (s *scraper) read(ctx context.Context, addr string) (metrics.Page, error) {
	s.mu.Lock()
	p := s.pages[addr]
	if p == nil {
		p = &page{turn: make(chan struct{}, 1)}
		s.pages[addr] = p
	}
	s.mu.Unlock()
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-p.turn }()
	if time.Since(p.at) < pageAge {
		return p.series, nil
	}
	all, err := scrape(ctx, addr)
	if err != nil {
		return nil, err
	}
	p.series, p.at = all, time.Now()
	return p.series, nil
}

// scrape reads the series of one listener as they are now.
func scrape(ctx context.Context, addr string) (metrics.Page, error) {
	body, err := get(ctx, nil, "http://"+addr+"/metrics", maxPage)
	if err != nil {
		return nil, errs.Wrap(err, errs.Failed, "%s gives no metrics.", addr)
	}
	page, err := metrics.Parse(bytes.NewReader(body))
	if err != nil {
		return nil, errs.Wrap(err, errs.Failed, "%s gives metrics that cannot be read.", addr)
	}
	return page, nil
}

// sum adds a metric up, over all its series that have the labels and over all
// listeners.
func (s *scraper) sum(ctx context.Context, addrs []string, want metrics.Series) (string, error) {
	var total float64
	found := false
	for _, addr := range addrs {
		all, err := s.read(ctx, addr)
		if err != nil {
			return "", err
		}
		value, there := all.Sum(want)
		total, found = total+value, found || there
	}
	if !found {
		return "", errs.E(errs.Failed, "There is no metric %q.", clip(string(want[model.MetricNameLabel])))
	}
	return strconv.FormatFloat(total, 'f', -1, 64), nil
}

// metric is a metric of a daemon's ops listener, summed over its series and over all
// members. Its name may have labels.
func (s Services) metric(from *scraper) func(context.Context, []string) (string, error) {
	return func(ctx context.Context, params []string) (string, error) {
		if len(params) != 2 {
			return "", errs.E(errs.BadRequest, "Give a daemon and the name of a metric.")
		}
		addrs, known := s.opsOf(params[0])
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
		return from.sum(ctx, addrs, want)
	}
}
