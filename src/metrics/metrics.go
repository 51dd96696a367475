// Package metrics reads the metrics that a daemon's ops listener serves, in the text
// format of Prometheus.
package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// maxPage bounds the text of one listener, in bytes.
const maxPage = 4 << 20

// Page holds the series of one listener at one moment.
type Page model.Vector

// Series names one or more series: those of its name that have all its labels.
type Series model.Metric

// Named returns the series of a name, whatever their labels.
func Named(name string) Series { return Series{model.MetricNameLabel: model.LabelValue(name)} }

// ParseSeries reads name or name{label="value",…}.
func ParseSeries(text string) (Series, error) {
	page, err := Parse(strings.NewReader(text + " 0\n"))
	if err != nil || len(page) != 1 {
		return nil, errors.Join(errors.New("it is not the name of one series"), err)
	}
	return Series(page[0].Metric), nil
}

// Get asks the listener at host:port.
func Get(ctx context.Context, client *http.Client, addr string) (Page, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the ops listener answers %s", res.Status)
	}
	return Parse(io.LimitReader(res.Body, maxPage))
}

// Parse reads a page.
func Parse(r io.Reader) (Page, error) {
	from := &expfmt.SampleDecoder{Dec: expfmt.NewDecoder(r, expfmt.NewFormat(expfmt.TypeTextPlain)), Opts: &expfmt.DecodeOptions{}}
	var page Page
	for {
		var family model.Vector
		switch err := from.Decode(&family); {
		case errors.Is(err, io.EOF):
			return page, nil
		case err != nil:
			return nil, err
		}
		page = append(page, family...)
	}
}

// Sum adds up the wanted series that have a number; false if there is none.
func (p Page) Sum(want Series) (total float64, found bool) {
	for _, one := range p {
		if want.in(one.Metric) && !math.IsNaN(float64(one.Value)) {
			total, found = total+float64(one.Value), true
		}
	}
	return total, found
}

func (s Series) in(m model.Metric) bool {
	for label, value := range s {
		if m[label] != value {
			return false
		}
	}
	return true
}
