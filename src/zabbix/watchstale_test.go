package zabbix

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// claimsNothing waits until no value of a chat server that hangs is worked out any
// more of what it said before; only that it serves nobody is.
func (w *watch) claimsNothing(t *testing.T) {
	t.Helper()
	const settled = 12 * time.Second // three of the test's intervals
	var hosts []struct{ Hostid string }
	w.api.Call(t, "host.get", map[string]any{"filter": map[string]any{"host": "chat"}}, &hosts)
	w.eventually(t, "nothing of the chat server that hangs has a value", func() string {
		var items []struct {
			Key   string `json:"key_"`
			Clock string `json:"lastclock"`
			Last  string `json:"lastvalue"`
			State string
		}
		w.api.Call(t, "item.get", map[string]any{"hostids": hosts[0].Hostid, "output": []string{"key_", "lastclock", "lastvalue", "state"}}, &items)
		var fresh []string
		seen := 0
		for _, i := range items {
			clock, _ := strconv.ParseInt(i.Clock, 10, 64)
			young := time.Since(time.Unix(clock, 0)) < settled
			switch {
			case strings.HasPrefix(i.Key, "chatd."):
				seen++
				if young {
					fresh = append(fresh, i.Key)
				}
			case i.Key == "chat.served" && (i.Last != "0" || !young || i.State != "0"):
				fresh = append(fresh, fmt.Sprintf("chat.served is %s, from %s", i.Last, time.Unix(clock, 0)))
			}
		}
		if seen < 40 {
			return fmt.Sprintf("only %d items of chatd", seen)
		}
		return strings.Join(fresh, "\n")
	})
}

// percentiles waits until the sign-ins of healthd have them: bounds of buckets, in
// their order.
func (w *watch) percentiles(t *testing.T) {
	t.Helper()
	w.eventually(t, "sign-ins have percentiles", func() string {
		last := map[string]float64{}
		for _, p := range percents {
			key := fmt.Sprintf("authd.signin.p%d", p)
			var items []struct {
				Last string `json:"lastvalue"`
			}
			w.api.Call(t, "item.get", map[string]any{"hostids": w.hosts, "filter": map[string]any{"key_": key}, "output": []string{"lastvalue"}}, &items)
			if len(items) != 1 {
				return fmt.Sprintf("%d items %s", len(items), key)
			}
			last[key], _ = strconv.ParseFloat(items[0].Last, 64)
		}
		p50, p95, p99 := last["authd.signin.p50"], last["authd.signin.p95"], last["authd.signin.p99"]
		isBound := func(ms float64) bool {
			return slices.ContainsFunc(signIn.bounds, func(b float64) bool { return math.Abs(b*signIn.scale-ms) < 0.01 })
		}
		if p50 <= 1 || p50 > p95 || p95 > p99 || !isBound(p50) || !isBound(p95) || !isBound(p99) {
			return fmt.Sprint(last)
		}
		t.Logf("sign-ins: %v", last)
		return ""
	})
}
