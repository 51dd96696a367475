package zabbix

import (
	"fmt"
	"strconv"
	"strings"
)

// histogram is one of a daemon's, of which Zabbix works out percentiles. Zabbix 5.0
// has no function for that: each bucket is an item of its own, and a calculated
// item finds the first bucket that holds enough.
type histogram struct {
	name, key string // of the items, without the daemon's
	series    string // without _bucket
	labels    string // `call="login",` or ""
	bounds    []float64
	scale     float64 // from seconds to the unit
	units     string
	says      string
}

// percents are the percentiles that are shown.
var percents = []int{50, 95, 99}

// percentiles are the rates of the buckets, and the percentiles of them. A percentile is
// the bound of its bucket: so many of a hundred took no longer.
func (d daemon) percentiles(h histogram) []Item {
	var out []Item
	bucket := func(n int) string { return fmt.Sprintf("%s.%s.bucket%02d", d.name, h.key, n) }
	for n, le := range append(names(h.bounds), "+Inf") {
		i := d.value(h.name+", up to "+le+" s", strings.TrimPrefix(bucket(n+1), d.name+"."), h.series+`_bucket{`+h.labels+`le="`+le+`"}`, "!/s", perSecond)
		i.History, i.Trends = "1h", "0"
		out = append(out, i)
	}
	all := recent(bucket(len(h.bounds) + 1))
	for _, p := range percents {
		var b strings.Builder
		fmt.Fprintf(&b, "%s*(%s", decimal(h.scale), decimal(h.bounds[0]))
		for n := 1; n < len(h.bounds); n++ {
			fmt.Fprintf(&b, `+%s*(%s<%s*%s)`, decimal(h.bounds[n]-h.bounds[n-1]), recent(bucket(n)), decimal(float64(p)/100), all)
		}
		fmt.Fprintf(&b, `)*(%s>0)`, all)
		out = append(out, Item{
			Name: fmt.Sprintf("%s: %s, %d of 100", d.title, h.name, p), Key: fmt.Sprintf("%s.%s.p%d", d.name, h.key, p), Type: Calculated,
			Delay: "{$CHATLAB.DELAY.SLOW}", ValueType: Float, Units: h.units, Group: d.group, Formula: unlessStale(b.String(), bucket(len(h.bounds)+1), "{$CHATLAB.FRESH.SLOW}"), Steps: []Step{validated},
			Description: fmt.Sprintf("%d of 100 took at most so long in the last three minutes, 0 when there were none: %s", p, h.says),
		})
	}
	return out
}

// decimal writes a bound as Prometheus and Zabbix do: without an exponent.
func decimal(f float64) string { return strconv.FormatFloat(round(f), 'f', -1, 64) }

// round removes what a difference of two bounds has behind the millionths.
func round(f float64) float64 {
	r, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', 6, 64), 64)
	return r
}

func names(bounds []float64) []string {
	out := make([]string, 0, len(bounds)+1)
	for _, b := range bounds {
		out = append(out, decimal(b))
	}
	return out
}

// The histograms that Zabbix shows percentiles of. Their bounds are those of the
// daemons; a test holds them together.
var (
	signIn = histogram{
		name: "sign-in", key: "signin", series: "chatlab_auth_request_seconds", labels: `call="login",`, scale: 1000, units: "!ms",
		bounds: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}, says: "from a request's header to its answer.",
	}
	fanoutDelay = histogram{
		name: "fan-out", key: "fanout", series: "chatlab_chat_fanout_delay_seconds", scale: 1000, units: "!ms",
		bounds: []float64{.0005, .001, .0025, .005, .01, .02, .04, .08, .16, .32, .64, 1.28, 2.56}, says: "from storing a line to its having been written to everyone in its room.",
	}
	eventDelay = histogram{
		name: "event delay", key: "delay", series: "chatlab_logd_lag_seconds", scale: 1, units: "s",
		bounds: []float64{1, 2, 5, 10, 30, 60, 300, 900, 3600, 86400}, says: "from an event's birth, known to the second, to its being stored.",
	}
)
