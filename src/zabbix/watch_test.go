package zabbix

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"chatlab/src/testkit/mariadbtest"
	"chatlab/src/testkit/zabbixtest"
)

// TestServerWatchesALab has a real Zabbix server watch a real lab of three chat
// servers and a real database cluster by the templates: everything is supported and
// nothing fires; each fault raises its problems, and they end with it.
func TestServerWatchesALab(t *testing.T) {
	if testing.Short() {
		t.Skip("takes three minutes")
	}
	server := zabbixtest.StartServer(t, map[string]string{"StartPollers": "8"})
	w := &watch{Server: server, api: server.API(t)}
	w.importAll(t)
	t.Run("imported whole", w.whole)
	t.Run("imported again", w.importAll)
	lab := upLab(t)
	clock := atClock(t, zabbixtest.Agent(t, "zabbix_agentd", nil).Addr)
	databases := mariadbtest.StartCluster(t, 3)
	w.group = w.create(t, "hostgroup.create", map[string]any{"name": "lab"}, "groupids")
	w.host(t, "machine", "Chatlab node", clock.Addr, nil)
	w.host(t, "auth", "Chatlab auth", lab.databaseHealthd(t, "auth", server.DB.Socket, 0), nil)
	w.host(t, "chat", "Chatlab chat", lab.address(t, "healthd", "chat"), own{chatMember: lab.address(t, "chatd", "chat")})
	w.host(t, "log", "Chatlab log", lab.address(t, "healthd", "log"), own{logMember: lab.address(t, "logd", "log")})
	w.host(t, "all", "Chatlab cluster", lab.address(t, "healthd", "log"), nil)
	for i, node := range []string{"chat", "log"} {
		w.host(t, fmt.Sprint("database ", i), "Chatlab database cluster", lab.databaseHealthd(t, node, databases[i].Socket, len(databases)), nil)
	}
	w.supported(t)
	w.percentiles(t)
	w.quiet(t)
	t.Run("a chat server of three hangs", func(t *testing.T) { w.hung(t, lab) })
	t.Run("a clock is wrong", func(t *testing.T) { w.clocks(t, clock) })
	t.Run("a database cluster loses members", func(t *testing.T) { w.databases(t, databases) })
}

// watch is a server and what it watches.
type watch struct {
	*zabbixtest.Server
	api   *zabbixtest.API
	group string
	hosts []string
}

func (w *watch) importAll(t *testing.T) {
	both := map[string]any{"createMissing": true, "updateExisting": true}
	for _, tpl := range Templates() {
		text, err := tpl.XML()
		if err != nil {
			t.Fatal(err)
		}
		w.api.Call(t, "configuration.import", map[string]any{"format": "xml", "source": string(text), "rules": map[string]any{
			"groups": map[string]any{"createMissing": true}, "templates": both, "items": both, "triggers": both, "discoveryRules": both, "valueMaps": both,
		}}, nil)
	}
}

// whole compares the server's state with the description.
func (w *watch) whole(t *testing.T) {
	for _, tpl := range Templates() {
		var got []map[string]any
		w.api.Call(t, "template.get", map[string]any{"filter": map[string]any{"host": tpl.Name}, "output": []string{"name"},
			"selectItems": []string{"key_"}, "selectTriggers": []string{"description"}, "selectDiscoveries": []string{"key_"}, "selectMacros": []string{"macro"}}, &got)
		if len(got) != 1 {
			t.Fatalf("%s: %d templates", tpl.Name, len(got))
		}
		for part, want := range map[string]int{"items": len(tpl.Items), "triggers": len(tpl.Triggers), "discoveries": len(tpl.Rules), "macros": len(tpl.Macros)} {
			if list, _ := got[0][part].([]any); len(list) != want {
				t.Errorf("%s: %d %s, want %d", tpl.Name, len(list), part, want)
			}
		}
	}
}

func (w *watch) create(t *testing.T, method string, params any, ids string) string {
	t.Helper()
	var result map[string][]string
	w.api.Call(t, method, params, &result)
	return result[ids][0]
}

// quick are the intervals of the test. The machine is shared with other tests,
// so what it is busy with is no alarm.
var quick = map[string]string{
	"{$CHATLAB.DELAY}": "2s", "{$CHATLAB.DELAY.PROBE}": "4s", "{$CHATLAB.DELAY.SERVED}": "4s", "{$CHATLAB.FRESH}": "10s", "{$CHATLAB.FRESH.SLOW}": "12s", "{$LOG.CERT.DELAY}": "4s",
	"{$NODE.FS.FORECAST.FROM}": "101",
	"{$CHATLAB.DELAY.SLOW}":    "4s", "{$CHATLAB.DELAY.DISCOVERY}": "10s", "{$CHATLAB.DB.PERIOD}": "10s", "{$CHATLAB.UP.PERIOD}": "16s",
	"{$CHATLAB.PERIOD}": "20s", "{$AUTH.LOGIN.MAX}": "30000", "{$CHAT.ROUNDTRIP.MAX}": "30000", "{$LOG.LAG.MAX}": "60", "{$LOG.REFUSED.MAX}": "10",
	"{$NODE.DELAY}": "4s", "{$NODE.DELAY.SLOW}": "4s", "{$NODE.DELAY.DISCOVERY}": "10s", "{$NODE.PERIOD}": "20s",
	"{$NODE.CPU.MAX}": "101", "{$NODE.LOAD.MAX}": "1000", "{$NODE.FS.WARN}": "101", "{$NODE.FS.MAX}": "101", "{$NODE.FS.INODES.MIN}": "0", "{$NODE.MEMORY.MIN}": "0",
}

// own are macros that a host has of its own.
type own map[string]string

func (w *watch) host(t *testing.T, name, template, addr string, more own) {
	t.Helper()
	ip, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	var templates []struct{ Templateid string }
	w.api.Call(t, "template.get", map[string]any{"filter": map[string]any{"host": template}}, &templates)
	var macros []any
	for _, tpl := range Templates() {
		for _, m := range tpl.Macros {
			if v, ok := quick[m.Name]; ok && tpl.Name == template {
				macros = append(macros, map[string]any{"macro": m.Name, "value": v})
			}
		}
	}
	for macro, value := range more {
		macros = append(macros, map[string]any{"macro": macro, "value": value})
	}
	w.hosts = append(w.hosts, w.create(t, "host.create", map[string]any{"host": name, "groups": []any{map[string]any{"groupid": w.group}},
		"templates": []any{map[string]any{"templateid": templates[0].Templateid}}, "macros": macros,
		"interfaces": []any{map[string]any{"type": 1, "main": 1, "useip": 1, "ip": ip, "dns": "", "port": port}}}, "hostids"))
}

// supported waits until every item of every host has a value.
func (w *watch) supported(t *testing.T) {
	t.Helper()
	w.eventually(t, "every item has a value", func() string {
		var items []struct {
			Key     string `json:"key_"`
			State   string
			Problem string `json:"error"`
			Clock   string `json:"lastclock"`
		}
		w.api.Call(t, "item.get", map[string]any{"hostids": w.hosts, "output": []string{"key_", "state", "error", "lastclock"}}, &items)
		var rules []struct {
			Key     string `json:"key_"`
			State   string
			Problem string `json:"error"`
		}
		w.api.Call(t, "discoveryrule.get", map[string]any{"hostids": w.hosts, "output": []string{"key_", "state", "error"}}, &rules)
		var lack []string
		for _, i := range items {
			if i.State != "0" || i.Clock == "0" {
				lack = append(lack, i.Key+" "+i.Problem)
			}
		}
		discovered := 0
		for _, i := range items {
			if strings.HasPrefix(i.Key, `chatlab.up[`) && strings.Contains(i.Key, `,"`) {
				discovered++
			}
		}
		for _, r := range rules {
			if r.State != "0" {
				lack = append(lack, r.Key+" "+r.Problem)
			}
		}
		if discovered != 7 || len(rules) != 5 {
			lack = append(lack, fmt.Sprintf("%d members are discovered, want 7; %d rules, want 5", discovered, len(rules)))
		}
		if len(lack) == 0 {
			t.Logf("%d items, all supported and with a value", len(items))
		}
		return strings.Join(lack, "\n")
	})
}

// quiet waits until every trigger has been worked out without a fault and none
// fires. What the lab's checks at its start did, wrong passwords above all, may
// have raised something before: problems raised from then on are the test's matter.
func (w *watch) quiet(t *testing.T) {
	t.Helper()
	w.eventually(t, "every trigger is worked out, and none fires", func() string {
		var triggers []struct{ Description, State, Value, Error string }
		w.api.Call(t, "trigger.get", map[string]any{"hostids": w.hosts, "output": []string{"description", "state", "value", "error"}}, &triggers)
		var lack []string
		for _, tr := range triggers {
			if tr.State != "0" || tr.Value != "0" {
				lack = append(lack, tr.Description+" "+tr.Error)
			}
		}
		if len(triggers) == 0 {
			lack = append(lack, "no triggers")
		}
		if len(lack) == 0 {
			t.Logf("%d triggers, none fires", len(triggers))
		}
		return strings.Join(lack, "\n")
	})
}

// problems are those that there are now.
func (w *watch) problems(t *testing.T) []string {
	t.Helper()
	var list []struct{ Name string }
	w.api.Call(t, "problem.get", map[string]any{"hostids": w.hosts, "output": []string{"name"}}, &list)
	var out []string
	for _, p := range list {
		out = append(out, p.Name)
	}
	return out
}

// raised are those that have begun since a time, ended or not.
func (w *watch) raised(t *testing.T, since int64) []string {
	t.Helper()
	var list []struct{ Name string }
	w.api.Call(t, "event.get", map[string]any{"hostids": w.hosts, "source": 0, "object": 0, "value": 1, "time_from": since, "output": []string{"name"}}, &list)
	var out []string
	for _, e := range list {
		out = append(out, e.Name)
	}
	return out
}

// unlike returns "" when two lists have the same.
func unlike(want, got []string) string {
	slices.Sort(want)
	slices.Sort(got)
	if strings.Join(want, "|") == strings.Join(got, "|") {
		return ""
	}
	return fmt.Sprintf("%q, want %q", got, want)
}

// eventually waits until lack returns "", and otherwise names the missing part.
func (w *watch) eventually(t *testing.T, what string, lack func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	again := time.NewTicker(500 * time.Millisecond)
	defer again.Stop()
	for {
		missing := lack()
		if missing == "" {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("waited too long until %s:\n%s", what, missing)
		}
	}
}
