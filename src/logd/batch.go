package logd

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"chatlab/src/event"
	"chatlab/src/wait"
)

// Limits of a batch: one more chunk is taken while both are open.
const (
	maxBatchEvents = 1000
	maxBatchBytes  = 4 << 20
)

// batches stores what the connections hand in until ctx ends. One batch is
// stored while the next one gathers, so batches grow with the load, and the
// order of a connection's lines is kept.
func (s *Server) batches(ctx context.Context) {
	next := time.NewTimer(0) // fires when the next small batch may be stored
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case first := <-s.queue:
			batch := s.gather(ctx, first, next.C)
			next.Reset(s.pace.gather)
			s.storeAll(ctx, batch)
		}
	}
}

// gather takes chunks until the batch is full or due: each insert costs the
// database a transaction, however few events it has. An event after a quiet
// time is stored at once.
func (s *Server) gather(ctx context.Context, first chunk, due <-chan time.Time) []chunk {
	batch := []chunk{first}
	events, bytes := len(first.events), first.bytes
	take := func(ch chunk) {
		batch = append(batch, ch)
		events += len(ch.events)
		bytes += ch.bytes
	}
	for events < maxBatchEvents && bytes < maxBatchBytes {
		select {
		case ch := <-s.queue: // what waits is taken even when the batch is due
			take(ch)
			continue
		default:
		}
		select {
		case ch := <-s.queue:
			take(ch)
		case <-due:
			return batch
		case <-ctx.Done():
			return batch
		}
	}
	return batch
}

// storeAll stores a batch, however long it takes, and tells its connections.
func (s *Server) storeAll(ctx context.Context, batch []chunk) {
	var events []event.Event
	for _, ch := range batch {
		events = append(events, ch.events...)
	}
	refused, ok := s.insert(ctx, events)
	if !ok {
		return
	}
	base := 0
	for _, ch := range batch {
		var why map[int]string
		for i, text := range refused {
			if base <= i && i < base+len(ch.events) {
				if why == nil {
					why = map[int]string{}
				}
				why[i-base] = text
			}
		}
		base += len(ch.events)
		ch.c.storedChunk(ch, why)
	}
}

// insert tries until the store has answered; ok is false when ctx ended first.
func (s *Server) insert(ctx context.Context, events []event.Event) (refused map[int]string, ok bool) {
	for pause := (wait.Backoff{First: s.pace.backoffMin, Last: s.pace.backoffMax}); ; {
		once, cancel := context.WithTimeout(ctx, s.pace.insert)
		repeats, err := s.store.Insert(once, events)
		cancel()
		var no *Refused
		if err == nil || errors.As(err, &no) {
			if no != nil {
				refused = no.Why
				s.log.Error("events refused", "err", err)
			}
			s.setAway(nil)
			s.metrics.batch(events, repeats, len(refused))
			return refused, true
		}
		if ctx.Err() != nil {
			return nil, false
		}
		if pause.Failed() == 0 {
			s.log.Error("events cannot be stored; trying on", "err", err)
		}
		s.setAway(err)
		s.metrics.failures.Inc()
		if !pause.Sleep(ctx) {
			return nil, false
		}
	}
}

// metrics of a server.
type metrics struct {
	received, stored, repeats, batches, failures, bad, refused prometheus.Counter
	connections                                                prometheus.Gauge
	lag                                                        prometheus.Histogram
	newest                                                     map[string]*newest
}

// newest is the birth of the newest event of one kind of server that is stored.
type newest struct {
	born  time.Time
	gauge prometheus.Gauge
}

// see takes a birth into account. One in the future, of a clock that goes wrong,
// would hide all that follow.
func (n *newest) see(born, now time.Time) {
	if born.After(n.born) && !born.After(now) {
		n.born = born
		n.gauge.Set(float64(born.Unix()))
	}
}

func newMetrics(reg prometheus.Registerer) *metrics {
	auto := promauto.With(prometheus.WrapRegistererWithPrefix("chatlab_logd_", reg))
	m := &metrics{
		received:    auto.NewCounter(prometheus.CounterOpts{Name: "received_total", Help: "Events received."}),
		stored:      auto.NewCounter(prometheus.CounterOpts{Name: "stored_total", Help: "Events stored, repeats not counted."}),
		repeats:     auto.NewCounter(prometheus.CounterOpts{Name: "repeats_total", Help: "Events that were stored already."}),
		batches:     auto.NewCounter(prometheus.CounterOpts{Name: "batches_total", Help: "Batches stored."}),
		failures:    auto.NewCounter(prometheus.CounterOpts{Name: "failures_total", Help: "Attempts to store a batch that failed."}),
		bad:         auto.NewCounter(prometheus.CounterOpts{Name: "bad_lines_total", Help: "Lines that were no events, or events that the database refused."}),
		refused:     auto.NewCounter(prometheus.CounterOpts{Name: "refused_connections_total", Help: "Connections without a certificate of the CA."}),
		connections: auto.NewGauge(prometheus.GaugeOpts{Name: "connections", Help: "Loggers connected."}),
		lag: auto.NewHistogram(prometheus.HistogramOpts{Name: "lag_seconds",
			Help: "From an event's birth (known to the second) to its being stored.", Buckets: []float64{1, 2, 5, 10, 30, 60, 300, 900, 3600, 86400}}),
	}
	births := auto.NewGaugeVec(prometheus.GaugeOpts{Name: "newest_timestamp_seconds",
		Help: "Birth of the newest event stored since the start, as Unix time; 0: none."}, []string{"server"})
	m.newest = map[string]*newest{}
	for _, server := range event.Servers { // others are no lab's: a label for each would have no end
		m.newest[server] = &newest{gauge: births.WithLabelValues(server)}
	}
	return m
}

func (m *metrics) batch(events []event.Event, repeats, refused int) {
	m.batches.Inc()
	m.stored.Add(float64(len(events) - repeats - refused))
	m.repeats.Add(float64(repeats))
	m.bad.Add(float64(refused))
	now := time.Now()
	for _, e := range events {
		m.lag.Observe(max(0, now.Sub(e.Time()).Seconds()))
		if n := m.newest[e.Server]; n != nil {
			n.see(e.Time(), now)
		}
	}
}
