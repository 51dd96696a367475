package view

import (
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/metrics"
)

// Place is one service on one node.
type Place struct{ Node, Service string }

// Rates are what a service did since the look before. All but the last group are per second.
type Rates struct {
	SignIns, SignUps float64 // that an auth server accepted
	Refused          float64 // sign-ins that it refused
	LinesIn          float64 // that a chat server took
	LinesOut         float64 // that it gave to connections
	Relayed          float64 // events that a logger has relayed
	StoredRate       float64 // events that a log server has stored

	Delay       float64 // seconds from a line's coming to its going out, on average
	Sessions    float64 // users on a chat server
	Backlog     float64 // bytes at a logger that no log server has stored
	ReplicaLag  float64 // lines that the member furthest behind lacks
	EventsLag   float64 // lines whose event is not emitted yet
	StoredTotal float64 // events stored since the log server's start
}

// The services whose metrics are read.
var measuredServices = []string{inventory.Authd, inventory.Chatd, inventory.Logd, inventory.Authd + "-logger", inventory.Chatd + "-logger"}

func measured(service string) bool { return slices.Contains(measuredServices, service) }

func loginSeries(result string) metrics.Series {
	s := metrics.Named("chatlab_auth_requests_total")
	s["call"] = "login"
	if result != "" {
		s["result"] = model.LabelValue(result)
	}
	return s
}

// counter is a total of a service, and the rate that it gives.
type counter struct {
	series metrics.Series
	rate   func(*Rates) *float64
}

var counted = map[string][]counter{
	inventory.Authd: {
		{loginSeries("ok"), func(r *Rates) *float64 { return &r.SignIns }},
		{loginSeries(""), func(r *Rates) *float64 { return &r.Refused }}, // all, from which SignIns are taken
		{metrics.Series{model.MetricNameLabel: "chatlab_auth_requests_total", "call": "signup", "result": "ok"}, func(r *Rates) *float64 { return &r.SignUps }},
	},
	inventory.Chatd: {
		{metrics.Named("chatlab_chat_lines_in_total"), func(r *Rates) *float64 { return &r.LinesIn }},
		{metrics.Named("chatlab_chat_lines_out_total"), func(r *Rates) *float64 { return &r.LinesOut }},
		{metrics.Named("chatlab_chat_fanout_delay_seconds_sum"), func(r *Rates) *float64 { return &r.Delay }}, // divided by the next
		{metrics.Named("chatlab_chat_fanout_delay_seconds_count"), nil},
	},
	inventory.Logd: {{metrics.Named("chatlab_logd_stored_total"), func(r *Rates) *float64 { return &r.StoredRate }}},
	"logger":       {{metrics.Named("chatlab_logger_relayed_total"), func(r *Rates) *float64 { return &r.Relayed }}},
}

// gauges are read as they are.
var gauges = map[string][]counter{
	inventory.Chatd: {
		{metrics.Named("chatlab_chat_sessions"), func(r *Rates) *float64 { return &r.Sessions }},
		{metrics.Named("chatlab_chatlog_replica_lag"), func(r *Rates) *float64 { return &r.ReplicaLag }},
		{metrics.Named("chatlab_chatlog_events_backlog"), func(r *Rates) *float64 { return &r.EventsLag }},
	},
	inventory.Logd: {{metrics.Named("chatlab_logd_stored_total"), func(r *Rates) *float64 { return &r.StoredTotal }}},
	"logger":       {{metrics.Named("chatlab_logger_backlog_bytes"), func(r *Rates) *float64 { return &r.Backlog }}},
}

// kind is the service whose metrics one has: both loggers are "logger".
func kind(service string) string {
	if strings.HasSuffix(service, "-logger") {
		return "logger"
	}
	return service
}

// counters keeps the totals of the look before.
type counters struct {
	last map[Place]totals
}

type totals struct {
	at    time.Time
	value []float64
}

// rates compares the pages with those before. A service that is new, or that was started
// again, so that a total is smaller than before, has no rate yet.
func (c *counters) rates(at time.Time, pages map[Place]metrics.Page) map[Place]Rates {
	out, now := map[Place]Rates{}, map[Place]totals{}
	for place, page := range pages {
		series := counted[kind(place.Service)]
		t := totals{at, make([]float64, len(series))}
		for i, s := range series {
			t.value[i], _ = page.Sum(s.series)
		}
		r := since(c.last[place], t, series)
		for _, g := range gauges[kind(place.Service)] {
			*g.rate(&r), _ = page.Sum(g.series)
		}
		out[place], now[place] = r, t
	}
	c.last = now
	return out
}

func since(before, now totals, series []counter) (r Rates) {
	seconds := now.at.Sub(before.at).Seconds()
	if len(before.value) != len(now.value) || seconds <= 0 {
		return r
	}
	lines := 0.0
	for i, s := range series {
		per := (now.value[i] - before.value[i]) / seconds
		switch {
		case per < 0:
			return Rates{}
		case s.rate == nil:
			lines = per
		default:
			*s.rate(&r) = per
		}
	}
	r.Refused = max(r.Refused-r.SignIns, 0)
	if lines > 0 {
		r.Delay /= lines
	} else {
		r.Delay = 0
	}
	return r
}

// Point is the whole lab at one moment.
type Point struct {
	Lines, SignIns float64 // per second
	Delay          float64 // seconds, weighted by lines
	Backlog        float64 // bytes
	Lag            float64 // lines
	Sessions       float64
	Stored         float64 // events, since the log servers' start
	Measured       bool    // some service answered
}

// sum adds up what all services did.
func sum(rows []lab.ServiceStatus, rates map[Place]Rates) (p Point) {
	out := 0.0
	for _, row := range rows {
		r, ok := rates[Place{row.Node, row.Service}]
		if !ok {
			continue
		}
		p.Measured = true
		p.Lines += r.LinesIn
		p.SignIns += r.SignIns
		p.Sessions += r.Sessions
		p.Backlog += r.Backlog
		p.Stored += r.StoredTotal
		p.Lag = max(p.Lag, r.ReplicaLag, r.EventsLag)
		p.Delay += r.Delay * r.LinesOut
		out += r.LinesOut
	}
	if out > 0 {
		p.Delay /= out
	} else {
		p.Delay = 0
	}
	return p
}
