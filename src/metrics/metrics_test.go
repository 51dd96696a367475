package metrics_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"chatlab/src/metrics"
)

func TestASumIsOfTheSeriesWithAllLabels(t *testing.T) {
	reg := prometheus.NewRegistry()
	auto := promauto.With(reg)
	asked := auto.NewCounterVec(prometheus.CounterOpts{Name: "asked_total", Help: "x"}, []string{"call", "result"})
	asked.WithLabelValues("login", "ok").Add(5)
	asked.WithLabelValues("login", `"}`).Add(2)
	asked.WithLabelValues("signup", "ok").Add(1)
	auto.NewHistogram(prometheus.HistogramOpts{Name: "took_seconds", Help: "x"}).Observe(1.5)
	auto.NewSummary(prometheus.SummaryOpts{Name: "quantiles", Help: "x", Objectives: map[float64]float64{0.5: 0.1}})
	s := httptest.NewServer(promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	defer s.Close()
	page, err := metrics.Get(t.Context(), http.DefaultClient, s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]float64{
		"asked_total": 8, `asked_total{call="login"}`: 7, `asked_total{result="ok",call="login"}`: 5, `asked_total{result="\"}"}`: 2,
		"took_seconds_count": 1, "took_seconds_sum": 1.5, `took_seconds_bucket{le="2.5"}`: 1,
	} {
		series, err := metrics.ParseSeries(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got, found := page.Sum(series); !found || got != want {
			t.Errorf("%s is %g, %t, want %g", text, got, found, want)
		}
	}
	for _, none := range []string{"nope", `asked_total{call="log"}`, "quantiles"} { // that one is not a number
		series, err := metrics.ParseSeries(none)
		if err != nil {
			t.Fatalf("%s: %v", none, err)
		}
		if got, found := page.Sum(series); found {
			t.Errorf("%s is %g", none, got)
		}
	}
}

func TestWhatIsNoSeriesIsRefused(t *testing.T) {
	for _, bad := range []string{"", "a{", `a{b="c"`, "a 1\nb", "a b", "# a"} {
		if s, err := metrics.ParseSeries(bad); err == nil {
			t.Errorf("%q: %v", bad, s)
		}
	}
	if page, err := metrics.Parse(strings.NewReader("a 1\ntorn{a=\"b\" 1\n")); err == nil {
		t.Errorf("a torn page: %v", page)
	}
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	if _, err := metrics.Get(t.Context(), http.DefaultClient, s.Listener.Addr().String()); err == nil {
		t.Error("a page that is not there was read")
	}
}
