package health

import (
	"bytes"
	"context"
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
func (s *scraper) sum(ctx context.Context, addrs []string, want metrics.Series) (float64, error) {
	var total float64
	found := false
	for _, addr := range addrs {
		all, err := s.read(ctx, addr)
		if err != nil {
			return 0, err
		}
		value, there := all.Sum(want)
		total, found = total+value, found || there
	}
	if !found {
		return 0, errs.E(errs.Failed, "There is no metric %q.", clip(string(want[model.MetricNameLabel])))
	}
	return total, nil
}
