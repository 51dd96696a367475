package chat

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"chatlab/src/errs"
)

// Metrics counts what a chat server does.
type Metrics struct {
	connections prometheus.Gauge
	sessions    prometheus.Gauge
	linesIn     prometheus.Counter
	linesOut    prometheus.Counter
	bytesIn     prometheus.Counter
	bytesOut    prometheus.Counter
	delay       prometheus.Histogram
	slow        prometheus.Counter
	resumes     prometheus.Counter
	repeats     prometheus.Counter
	refusals    *prometheus.CounterVec
}

// NewMetrics makes the metrics and registers them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	auto := promauto.With(prometheus.WrapRegistererWithPrefix("chatlab_chat_", reg))
	return &Metrics{
		connections: auto.NewGauge(prometheus.GaugeOpts{Name: "connections", Help: "Open connections."}),
		sessions:    auto.NewGauge(prometheus.GaugeOpts{Name: "sessions", Help: "Authorised connections."}),
		linesIn:     auto.NewCounter(prometheus.CounterOpts{Name: "lines_in_total", Help: "Lines from clients that were stored."}),
		linesOut:    auto.NewCounter(prometheus.CounterOpts{Name: "lines_out_total", Help: "Lines of rooms given to connections."}),
		bytesIn:     auto.NewCounter(prometheus.CounterOpts{Name: "bytes_in_total", Help: "Bytes of lines from clients, without line ends."}),
		bytesOut:    auto.NewCounter(prometheus.CounterOpts{Name: "bytes_out_total", Help: "Bytes written to clients."}),
		slow:        auto.NewCounter(prometheus.CounterOpts{Name: "slow_consumers_total", Help: "Connections cut because they read too slowly."}),
		resumes:     auto.NewCounter(prometheus.CounterOpts{Name: "resumes_total", Help: "Sessions that began after a given line."}),
		repeats:     auto.NewCounter(prometheus.CounterOpts{Name: "repeats_total", Help: "Lines that were stored before and dropped."}),
		refusals:    auto.NewCounterVec(prometheus.CounterOpts{Name: "refusals_total", Help: "Refusals by code."}, []string{"code"}),
		delay: auto.NewHistogram(prometheus.HistogramOpts{
			Name:    "fanout_delay_seconds",
			Help:    "Time from storing the oldest line of a pass to the end of its writes.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .02, .04, .08, .16, .32, .64, 1.28, 2.56},
		}),
	}
}

func (m *Metrics) refused(code errs.Code) { m.refusals.WithLabelValues(string(code)).Inc() }
