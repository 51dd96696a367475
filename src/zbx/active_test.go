package zbx_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/zbx"
)

// runActive runs an active agent until the test ends, or stop.
func runActive(t *testing.T, a *zbx.Active) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	ended := false
	stop = func() {
		if !ended {
			ended = true
			cancel()
			if err := <-done; err != nil {
				t.Errorf("active: %v", err)
			}
		}
	}
	t.Cleanup(stop)
	return stop
}

func versions(_ context.Context, key string) (string, error) {
	if key == "agent.version" {
		return "7.0.0", nil
	}
	return "", errs.E(errs.NotFound, "Unsupported item key.")
}

func quick(s *trapper, handle zbx.Handler) *zbx.Active {
	return &zbx.Active{Peer: zbx.Peer{Addr: s.addr()}, Host: "Zabbix server", Metadata: "mysql,nginx", Port: 12050,
		Handle: handle, Refresh: 50 * time.Millisecond, Flush: 20 * time.Millisecond}
}

// The manual's active checks of 7.0: the request has its fields, the answer is
// understood, and the values go back by item id.
func TestActiveChecksOfTheManual(t *testing.T) {
	answer := manual(t, "active-answer.json")
	server := newTrapper(t, func(o object) string {
		if o["request"] == "active checks" {
			if o["config_revision"] == float64(2) {
				return `{"response":"success"}` // nothing has changed
			}
			return answer
		}
		return all(o)
	})
	runActive(t, quick(server, versions))
	asked := server.next(t, "active checks")
	for k, want := range (object{"request": "active checks", "host": "Zabbix server", "version": "7.0", "host_metadata": "mysql,nginx", "port": 12050.0, "config_revision": 0.0}) {
		if asked[k] != want {
			t.Errorf("%s = %v, want %v", k, asked[k], want)
		}
	}
	session, _ := asked["session"].(string)
	if len(session) != 32 || strings.Trim(session, "0123456789abcdef") != "" {
		t.Errorf("session %q", session)
	}
	values := map[any]map[string]any{}
	for len(values) < 2 {
		data := server.next(t, "agent data")
		if data["session"] != session || data["host"] != "Zabbix server" {
			t.Fatalf("agent data %v", data)
		}
		for _, v := range data.values() {
			o := v.(map[string]any)
			values[o["itemid"]] = o
		}
	}
	if v := values[5678.0]; v["value"] != "7.0.0" || v["state"] != nil || v["clock"].(float64) < 1_700_000_000 {
		t.Errorf("the version is %v", v)
	}
	if v := values[5679.0]; v["value"] != "Unsupported item key." || v["state"] != 1.0 {
		t.Errorf("the unsupported one is %v", v)
	}
	if again := server.next(t, "active checks"); again["config_revision"] != 2.0 || again["session"] != session {
		t.Errorf("the revision is not given back: %v", again)
	}
}

func TestActiveChecksOfAnOldServer(t *testing.T) {
	answer := manual(t, "active-answer-old.json")
	server := newTrapper(t, func(o object) string {
		if o["request"] == "active checks" {
			return answer
		}
		return all(o)
	})
	runActive(t, quick(server, versions))
	for n := 0; n < 2; {
		for _, v := range server.next(t, "agent data").values() {
			o := v.(map[string]any)
			if o["host"] != "Zabbix server" || o["key"] == nil || o["itemid"] != nil {
				t.Fatalf("value %v", o)
			}
			n++
		}
	}
}

// Values that a server did not take come again, with the same numbers and
// times, in order; of more than Buffer the oldest are lost.
func TestActiveKeepsValuesWhileTheServerIsAway(t *testing.T) {
	item := `{"response":"success","data":[{"key":"n","itemid":7,"delay":"1s"}]}`
	away := func(o object) string {
		if o["request"] == "active checks" {
			return item
		}
		return ""
	}
	server := newTrapper(t, away)
	a := quick(server, nil)
	a.Buffer = 3
	taken := make(chan time.Time, 100)
	n := 0
	a.Handle = func(context.Context, string) (string, error) {
		n++
		taken <- time.Now()
		return fmt.Sprint(n), nil
	}
	runActive(t, a)
	var times []time.Time
	for range 5 {
		select {
		case at := <-taken:
			times = append(times, at)
		case <-time.After(10 * time.Second):
			t.Fatal("the item did not run")
		}
	}
	server.set(func(o object) string {
		if o["request"] == "active checks" {
			return item
		}
		return all(o)
	})
	for {
		values := server.next(t, "agent data").values()
		last := values[len(values)-1].(map[string]any)
		if last["id"].(float64) < 5 {
			continue // was refused
		}
		if len(values) > 3 {
			t.Fatalf("%d values were kept, the limit is 3", len(values))
		}
		hasOwnTimes(t, values, times)
		return
	}
}

// hasOwnTimes holds each value, numbered as it was taken, against the time of
// its taking.
func hasOwnTimes(t *testing.T, values []any, taken []time.Time) {
	t.Helper()
	for _, v := range values {
		o := v.(map[string]any)
		id := int(o["id"].(float64))
		if id > len(taken) {
			continue
		}
		at := time.Unix(int64(o["clock"].(float64)), int64(o["ns"].(float64)))
		if o["value"] != fmt.Sprint(id) || at.Sub(taken[id-1]).Abs() > time.Second/2 {
			t.Errorf("value %v at %s, taken at %s", o, at, taken[id-1])
		}
	}
}

func TestActiveSendsTheRestWhenItEnds(t *testing.T) {
	server := newTrapper(t, func(o object) string {
		if o["request"] == "active checks" {
			return `{"response":"success","data":[{"key":"agent.version","itemid":7,"delay":"1h"}]}`
		}
		return all(o)
	})
	a := quick(server, nil)
	a.Flush = time.Hour
	ran := make(chan bool, 10)
	a.Handle = func(context.Context, string) (string, error) { defer func() { ran <- true }(); return "1", nil }
	stop := runActive(t, a)
	<-ran
	<-server.got // the look for items: the value is kept before the next one
	server.next(t, "active checks")
	stop()
	if got := server.next(t, "agent data").values(); len(got) != 1 {
		t.Fatalf("%d values", len(got))
	}
}

func TestActiveSaysWhyItCannotRunAnItem(t *testing.T) {
	for delay, want := range map[string]string{`"1m;y1"`: `Invalid update interval "1m;y1".`, `"x"`: `Invalid update interval "x".`, `"0"`: `Invalid update interval "0".`} {
		server := newTrapper(t, func(o object) string {
			if o["request"] == "active checks" {
				return `{"response":"success","data":[{"key":"agent.version","itemid":7,"delay":` + delay + `}]}`
			}
			return all(o)
		})
		runActive(t, quick(server, versions))
		o := server.next(t, "agent data").values()[0].(map[string]any)
		if o["state"] != 1.0 || o["value"] != want {
			t.Errorf("%s: %v", delay, o)
		}
	}
}

// The heartbeat is for servers that show by their revisions that they know it.
func TestHeartbeatIsForServersThatKnowIt(t *testing.T) {
	for name, answer := range map[string]string{"6.4": `{"response":"success","config_revision":3,"data":[]}`, "6.0": `{"response":"success","data":[]}`} {
		t.Run(name, func(t *testing.T) {
			server := newTrapper(t, func(object) string { return answer })
			a := quick(server, versions)
			a.Beat = 10 * time.Millisecond
			runActive(t, a)
			if name == "6.4" {
				if o := server.next(t, "active check heartbeat"); o["host"] != "Zabbix server" || o["heartbeat_freq"] != 1.0 {
					t.Errorf("%v", o)
				}
				return
			}
			for range 3 { // many heartbeats' time
				server.next(t, "active checks")
			}
			for len(server.got) > 0 {
				if o := <-server.got; o["request"] == "active check heartbeat" {
					t.Errorf("%v", o)
				}
			}
		})
	}
}
