package chat

import (
	"github.com/prometheus/client_golang/prometheus"

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
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "chatlab", Subsystem: "chat", Name: name, Help: help}
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts(opts(name, help)))
	}
	m := &Metrics{
		connections: prometheus.NewGauge(prometheus.GaugeOpts(opts("connections", "Open connections."))),
		sessions:    prometheus.NewGauge(prometheus.GaugeOpts(opts("sessions", "Authorised connections."))),
		linesIn:     counter("lines_in_total", "Lines from clients that were stored."),
		linesOut:    counter("lines_out_total", "Lines of rooms given to connections."),
		bytesIn:     counter("bytes_in_total", "Bytes of lines from clients, without line ends."),
		bytesOut:    counter("bytes_out_total", "Bytes written to clients."),
		slow:        counter("slow_consumers_total", "Connections cut because they read too slowly."),
		resumes:     counter("resumes_total", "Sessions that began after a given line."),
		repeats:     counter("repeats_total", "Lines that were stored before and dropped."),
		refusals:    prometheus.NewCounterVec(prometheus.CounterOpts(opts("refusals_total", "Refusals by code.")), []string{"code"}),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "chatlab", Subsystem: "chat", Name: "fanout_delay_seconds",
			Help:    "Time from storing the oldest line of a pass to the end of its writes.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .02, .04, .08, .16, .32, .64, 1.28, 2.56},
		}),
	}
	reg.MustRegister(m.connections, m.sessions, m.linesIn, m.linesOut, m.bytesIn, m.bytesOut,
		m.delay, m.slow, m.resumes, m.repeats, m.refusals)
	return m
}

func (m *Metrics) refused(code errs.Code) { m.refusals.WithLabelValues(string(code)).Inc() }
