package main

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/testkit"
	"chatlab/src/testkit/zabbixtest"
	"chatlab/src/zbx"
)

// TestRealServer has one Zabbix server speak with healthd and with our clients
// in every way that there is.
func TestRealServer(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	files := zabbixtest.Certificates(t, true)
	server := zabbixtest.StartServer(t, map[string]string{"TLSCAFile": files.CA, "TLSCertFile": files.Cert, "TLSKeyFile": files.Key})
	w := &watched{Server: server, api: server.API(t), files: files}
	for _, encrypted := range []bool{false, true} {
		name := map[bool]string{false: " plain", true: " TLS"}[encrypted]
		t.Run("passive"+name, func(t *testing.T) { w.passive(t, encrypted) })
		t.Run("active"+name, func(t *testing.T) { w.active(t, encrypted) })
		t.Run("sender"+name, func(t *testing.T) { w.sender(t, encrypted) })
	}
	t.Run("the server goes and comes", w.away)
}

func (w *watched) args(encrypted bool) []string {
	if encrypted {
		return tlsArgs(w.files)
	}
	return nil
}

// passive: the server asks healthd.
func (w *watched) passive(t *testing.T, encrypted bool) {
	address, _ := healthd(t, append([]string{"--node", "log"}, w.args(encrypted)...)...)
	host := w.host(t, address, encrypted, passive, "1s", "agent.ping", "agent.hostname", "chatlab.up[auth]")
	w.await(t, host, "the server does not get healthd's values", func(items map[string]item) bool {
		return items["agent.ping"].Value == "1" && items["agent.hostname"].Value == "log" &&
			items["chatlab.up[auth]"].State == "1" && items["chatlab.up[auth]"].Problem == "No address of auth is configured."
	})
}

// active: healthd asks the server for its items and sends their values.
func (w *watched) active(t *testing.T, encrypted bool) {
	host := w.host(t, "127.0.0.1:1", encrypted, active, "1s", "agent.ping", "agent.hostname", "chatlab.up[auth]")
	began := time.Now().Unix()
	healthd(t, append([]string{"--node", "log", "--active.servers", w.Addr, "--active.host", host,
		"--active.refresh", "500ms", "--active.flush", "200ms"}, w.args(encrypted)...)...)
	items := w.await(t, host, "healthd's values do not come", func(items map[string]item) bool {
		return items["agent.ping"].Value == "1" && items["agent.hostname"].Value == "log" &&
			items["chatlab.up[auth]"].State == "1" && items["chatlab.up[auth]"].Problem == "No address of auth is configured."
	})
	if clock, _ := strconv.ParseInt(items["agent.ping"].Clock, 10, 64); clock < began {
		t.Errorf("the value is of %d, before %d", clock, began)
	}
}

// sender: our sender, `healthd send` and zabbix_sender, side by side.
func (w *watched) sender(t *testing.T, encrypted bool) {
	host := w.host(t, "127.0.0.1:1", encrypted, trapperItem, "", "ours", "agent.ping", "theirs")
	files := w.files
	if !encrypted {
		files.CA, files.Cert, files.Key = "", "", ""
	}
	ours := peer(t, w.Addr, files)
	at := time.Now().Add(-time.Hour)
	// The server reads its configuration every second, maybe between two items:
	// when it knows the last that was made, it knows all.
	testkit.Within(t, 90*time.Second, "our sender", func() bool {
		_, err := ours.Send(t.Context(), []zbx.Value{{Host: host, Key: "theirs", Value: "known", Time: at}})
		return err == nil
	})
	sent, err := ours.Send(t.Context(), []zbx.Value{{Host: host, Key: "ours", Value: "sent", Time: at}})
	if err != nil || sent != (zbx.Sent{Processed: 1}) {
		t.Errorf("ours: %+v, %v", sent, err)
	}
	sent, err = ours.Send(t.Context(), []zbx.Value{{Host: host, Key: "nope", Value: "1", Time: at}, {Host: "nobody", Key: "ours", Value: "1", Time: at}})
	if sent != (zbx.Sent{Failed: 2}) || !errs.Is(err, errs.Failed) {
		t.Errorf("an item that is not there: %+v, %v", sent, err)
	}
	out, err := command(t, append([]string{"send", "agent.ping", "ours=a=b", "--active.servers", w.Addr, "--active.host", host}, tlsArgs(files)...)...)
	if err != nil || out != w.Addr+" processed 2, failed 0\n" {
		t.Errorf("healthd send: %q, %v", out, err)
	}
	ip, port, _ := net.SplitHostPort(w.Addr)
	theirs := output(t, "zabbix_sender", append([]string{"-z", ip, "-p", port, "-s", host, "-k", "theirs", "-o", "x"}, tlsOptions(files)...)...)
	if !strings.Contains(theirs, "processed: 1; failed: 0") {
		t.Errorf("zabbix_sender: %q", theirs)
	}
	items := w.await(t, host, "sent values do not come", func(items map[string]item) bool {
		return items["ours"].Value == "a=b" && items["theirs"].Value == "x" && items["agent.ping"].Value == "1"
	})
	clocks := w.history(t, items["ours"].ID)
	if clocks[fmt.Sprint(at.Unix(), ".", at.Nanosecond())] != "sent" {
		t.Errorf("the value of an hour ago has another time: %v", clocks)
	}
}

// history returns the values of a text item by their times.
func (w *watched) history(t *testing.T, id string) map[string]string {
	t.Helper()
	var rows []struct{ Clock, NS, Value string }
	w.api.Call(t, "history.get", map[string]any{"itemids": id, "history": text, "output": "extend"}, &rows)
	out := map[string]string{}
	for _, r := range rows {
		out[fmt.Sprint(r.Clock, ".", r.NS)] = r.Value
	}
	return out
}

// away: what healthd took while the server was away comes later, each value
// once and with its own time.
func (w *watched) away(t *testing.T) {
	host := w.host(t, "127.0.0.1:1", false, active, "1s", "agent.ping")
	_, ops := healthd(t, "--active.servers", w.Addr, "--active.host", host, "--active.refresh", "500ms", "--active.flush", "200ms")
	id := w.await(t, host, "no value comes", func(items map[string]item) bool { return items["agent.ping"].Value == "1" })["agent.ping"].ID
	w.Stop(t)
	from, before := time.Now().Unix(), checked(t, ops)
	testkit.Within(t, 90*time.Second, "healthd goes on checking", func() bool { return checked(t, ops) >= before+4 })
	till := time.Now().Unix()
	w.Restart(t)
	testkit.Within(t, 90*time.Second, "the values of the time away", func() bool {
		seconds := map[string]int{}
		for clock := range w.history(t, id) {
			second, _, _ := strings.Cut(clock, ".")
			seconds[second]++
		}
		n := 0
		for s := from; s <= till; s++ {
			if seconds[fmt.Sprint(s)] > 1 {
				t.Fatalf("second %d has %d values", s, seconds[fmt.Sprint(s)])
			}
			n += seconds[fmt.Sprint(s)]
		}
		return n >= 4
	})
}

// checked is how many checks healthd has answered.
func checked(t *testing.T, ops string) int {
	t.Helper()
	for line := range strings.Lines(metricsOf(t, ops)) {
		if rest, ok := strings.CutPrefix(line, `chatlab_health_checks_total{result="ok"} `); ok {
			n, _ := strconv.Atoi(strings.TrimSpace(rest))
			return n
		}
	}
	return 0
}
