package health

import (
	"bufio"
	"bytes"
	"context"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"chatlab/src/errs"
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
	series []series
}

// series is one line of the text format.
type series struct {
	name, labels string // labels without their braces
	value        float64
}

const (
	pageAge = 2 * time.Second
	maxPage = 1 << 20 // bytes
)

func newScraper() *scraper { return &scraper{pages: map[string]*page{}} }

// read returns the series of one listener.
func (s *scraper) read(ctx context.Context, addr string) ([]series, error) {
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
func scrape(ctx context.Context, addr string) ([]series, error) {
	body, err := get(ctx, "http://"+addr+"/metrics", maxPage)
	if err != nil {
		return nil, errs.Wrap(err, errs.Failed, "%s gives no metrics.", addr)
	}
	return parseMetrics(body), nil
}

// sum adds a metric up, over all its series that have the labels and over all
// listeners.
func (s *scraper) sum(ctx context.Context, addrs []string, want series) (float64, error) {
	var total float64
	found := false
	for _, addr := range addrs {
		all, err := s.read(ctx, addr)
		if err != nil {
			return 0, err
		}
		value, there := find(all, want)
		total, found = total+value, found || there
	}
	if !found {
		return 0, errs.E(errs.Failed, "There is no metric %q.", clip(want.name))
	}
	return total, nil
}

// find adds up those series that have the name and the labels.
func find(all []series, want series) (total float64, found bool) {
	for _, one := range all {
		if one.name == want.name && hasLabels(one.labels, want.labels) && !math.IsNaN(one.value) {
			total += one.value
			found = true
		}
	}
	return total, found
}

// parseMetrics reads Prometheus' text format; what it does not understand it
// leaves out.
func parseMetrics(body []byte) []series {
	var out []series
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, maxPage)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		at := strings.LastIndexByte(line, '}') + 1
		if at == 0 {
			at = strings.IndexByte(line, ' ')
		}
		if at <= 0 {
			continue
		}
		number, _, _ := strings.Cut(strings.TrimSpace(line[at:]), " ") // a time may follow
		value, err := strconv.ParseFloat(number, 64)
		one, ok := parseSeries(line[:at])
		if err != nil || !ok {
			continue
		}
		one.value = value
		out = append(out, one)
	}
	return out
}

// parseSeries reads name or name{label="value",…}.
func parseSeries(text string) (series, bool) {
	name, labels, braced := strings.Cut(strings.TrimSpace(text), "{")
	if braced {
		var closed bool
		if labels, closed = strings.CutSuffix(labels, "}"); !closed {
			return series{}, false
		}
	}
	return series{name: name, labels: labels}, name != ""
}

// hasLabels tells whether each of the wanted labels is among the others.
func hasLabels(have, want string) bool {
	if want == "" {
		return true
	}
	have = "," + have + ","
	for one := range strings.SplitSeq(want, ",") {
		if !strings.Contains(have, ","+strings.TrimSpace(one)+",") {
			return false
		}
	}
	return true
}
