package natslog

import (
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

func (l *Log) metrics(reg prometheus.Registerer) {
	auto := promauto.With(prometheus.WrapRegistererWithPrefix("chatlab_chatlog_", reg))
	counter := func(name, help string) prometheus.Counter {
		return auto.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	l.published = counter("published_total", "Lines stored, without repeats.")
	l.emitted = counter("emitted_total", "Lines whose event the logger has.")
	l.damaged = counter("cursor_damaged_total", "Cursors of the events that were lost, damaged or too high: events were emitted again.")
	l.damagedLines = auto.NewGauge(prometheus.GaugeOpts{Name: "damaged_lines", Help: "Lines that were damaged, and left out, when one server opened its log."})
	gauge := func(name, help string, value func() float64) {
		auto.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	gauge("writable", "1 while the chat log's files can be written.", func() float64 { return number(l.writable() == nil) })
	gauge("events_backlog", "Lines whose event is not emitted yet.", func() float64 { return float64(l.waiting()) })
	gauge("members", "Servers of the chat log that reach each other, this one too.", func() float64 { return float64(1 + len(l.others())) })
	gauge("members_expected", "Servers that the chat log's configuration names.", func() float64 { return float64(l.opts.Cluster.members()) })
	gauge("peers_bad", "1 while the peers file cannot be used, and the names read before are in force.", func() float64 {
		return number(l.opts.Cluster != nil && l.opts.Cluster.peers.bad())
	})
	gauge("leader", "1 on the server that orders the chat log.", func() float64 { return number(l.leads()) })
	gauge("quorum", "1 while the chat log has a leader and stores lines.", func() float64 { return number(l.quorum()) })
	gauge("replicas_current", "Replicas of the chat log that have all of it.", func() float64 { current, _ := l.replicas(); return float64(current) })
	gauge("replicas_expected", "Replicas of the chat log that should have all of it.", func() float64 { return float64(l.opts.Cluster.replicas()) })
	gauge("replica_lag", "Lines that the replica furthest behind lacks.", func() float64 { _, lag := l.replicas(); return float64(lag) })
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// quorum reports whether the log was seen to have a leader.
func (l *Log) quorum() bool {
	cluster := l.seen.Load().Cluster
	return l.reached.Load() && (l.opts.Cluster == nil || cluster != nil && cluster.Leader != "")
}

// replicas returns how many replicas have all lines, as last seen, and how many lines the
// one furthest behind lacks.
func (l *Log) replicas() (current int, lag uint64) {
	cluster := l.seen.Load().Cluster
	switch {
	case !l.reached.Load() || cluster == nil && l.opts.Cluster != nil:
		return 0, 0
	case cluster == nil:
		return 1, 0
	}
	current = 1
	for _, r := range cluster.Replicas {
		if upToDate(r) {
			current++
		}
		lag = max(lag, r.Lag)
	}
	return current, lag
}

// upToDate reports whether a replica has all lines but those of the moment. The leader
// counts a line for a replica once that member has it on disk: while users talk, a healthy
// replica is a few entries behind.
func upToDate(r *jetstream.PeerInfo) bool {
	const entries, age = 100, 3 * lookEvery
	return !r.Offline && (r.Current || r.Lag <= entries && r.Active <= age)
}
