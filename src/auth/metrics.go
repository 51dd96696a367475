package auth

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"chatlab/src/errs"
)

// metrics of the auth server. Label values come from fixed sets: names of
// calls, codes of errors.
type metrics struct {
	requests *prometheus.CounterVec   // by call and code; "" is success
	seconds  *prometheus.HistogramVec // by call
	hashing  prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer, hashes *queue) *metrics {
	auto := promauto.With(reg)
	m := &metrics{
		requests: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "chatlab_auth_requests_total",
			Help: "Requests by call (login, signup, refresh, logout, passwd, user, getuser, health, other) and result (ok or the code of the refusal).",
		}, []string{"call", "result"}),
		seconds: auto.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "chatlab_auth_request_seconds",
			Help:    "Time from a request's header to its answer, by call.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"call"}),
		hashing: auto.NewHistogram(prometheus.HistogramOpts{
			Name:    "chatlab_auth_hash_seconds",
			Help:    "Time in a hash slot, without the wait for it.",
			Buckets: []float64{.005, .01, .02, .03, .05, .1, .2, .5, 1},
		}),
	}
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "chatlab_auth_hash_waiting", Help: "Requests that wait for a hash slot.",
	}, func() float64 { _, waiting := hashes.load(); return float64(waiting) })
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "chatlab_auth_hash_busy", Help: "Hash slots in use.",
	}, func() float64 { busy, _ := hashes.load(); return float64(busy) })
	// The series that dashboards and triggers watch exist before the first event.
	for _, call := range []string{"login", "signup", "refresh"} {
		m.requests.WithLabelValues(call, "ok")
		m.requests.WithLabelValues(call, string(errs.Unavailable))
		m.seconds.WithLabelValues(call)
	}
	m.requests.WithLabelValues("login", string(errs.WrongCredentials))
	m.requests.WithLabelValues("login", string(errs.RateLimited))
	return m
}

func (m *metrics) observe(call string, err error, took time.Duration) {
	result := "ok"
	if err != nil {
		result = string(errs.CodeOf(err))
	}
	m.requests.WithLabelValues(call, result).Inc()
	m.seconds.WithLabelValues(call).Observe(took.Seconds())
}
