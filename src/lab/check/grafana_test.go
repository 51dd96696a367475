package check

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/grafana"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/testkit"
)

// watchedLab is a lab of one node whose Zabbix and Grafana are written for these
// tests: every item has a value of now, but for the faults. The real ones are
// proved by `lab check` on a real lab.
type watchedLab struct {
	lab.Target
	dir     string
	inv     *inventory.Inventory
	fault   string
	grafana bool
}

func newWatched(t *testing.T, withGrafana bool, fault string) (*Journey, *watchedLab) {
	t.Helper()
	public, private := ownAddresses()
	var text strings.Builder
	text.WriteString("all:\n  vars:\n")
	for n, name := range []string{"auth", "chat", "logd", "healthd", "mongodb", "authd_ops", "chatd_ops", "logd_ops", "healthd_ops", "authd_logger_ops", "chatd_logger_ops"} {
		fmt.Fprintf(&text, "    %s_port: %d\n", name, n+1)
	}
	fmt.Fprintf(&text, "  hosts:\n    one: {public_address: %s, private_address: %s}\n  children:\n", public, private)
	for _, group := range []string{"authd", "chatd", "logd", "healthd", "mongodb", "zabbix_server", "grafana"} {
		fmt.Fprintf(&text, "    %s: {hosts: {one: {}}}\n", group)
	}
	inv, err := inventory.Parse("test", []byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	w := &watchedLab{dir: t.TempDir(), inv: inv, fault: fault, grafana: withGrafana}
	for _, name := range []string{"zabbix.password", "grafana.password"} {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte("right\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	serve := func(port string, h http.HandlerFunc) {
		ln, err := net.Listen("tcp", net.JoinHostPort(public, port))
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: h, ReadHeaderTimeout: time.Second}
		go func() { _ = server.Serve(ln) }()
		t.Cleanup(func() { _ = server.Close() })
	}
	if fault != "Zabbix away" {
		serve("8080", w.zabbix)
	}
	if withGrafana && fault != "Grafana away" {
		serve("3000", w.pages)
	}
	j := New(t.Context(), &lab.Lab{Inventory: inv, Target: w}, nil)
	j.panelWait = 10 * time.Millisecond
	j.watch = func() (*watched, error) { return &watched{}, nil } // what it waits for is not these tests' matter
	t.Cleanup(j.Close)
	return j, w
}

// Dial implements [lab.Target].
func (w *watchedLab) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, addr)
}

func (w *watchedLab) Secret(name string) (string, error) {
	if name == "grafana.password" && !w.grafana {
		return "", errs.E(errs.NotFound, "none")
	}
	return filepath.Join(w.dir, name), nil
}

// items are what Zabbix has: host → names.
func (w *watchedLab) items() map[string][]string {
	out := map[string][]string{}
	for _, h := range watchedHosts(w.inv) {
		for _, t := range h.templates {
			for _, i := range t.Items {
				if i.Name != w.fault {
					out[h.name] = append(out[h.name], i.Name)
				}
			}
		}
	}
	out["one"] = append(out["one"], "Disk /: use in %", "Disk /: free inodes in %", "Disk /: use expected in a day", "Network eth0: received", "Network eth0: sent",
		"Network eth0: errors received", "Network eth0: dropped sent")
	return out
}

func (w *watchedLab) age() time.Duration {
	if w.fault == "old values" {
		return 3 * time.Hour
	}
	return time.Second
}

func (w *watchedLab) zabbix(res http.ResponseWriter, req *http.Request) {
	var call struct {
		Method string
		Params json.RawMessage
	}
	_ = json.NewDecoder(req.Body).Decode(&call)
	if call.Method == "user.login" && w.fault == "wrong password" {
		answerJSON(res, map[string]any{"error": map[string]string{"message": "Application error.", "data": "Login name or password is incorrect."}})
		return
	}
	answerJSON(res, map[string]any{"result": w.call(call.Method, call.Params)})
}

func answerJSON(res http.ResponseWriter, v any) { _ = json.NewEncoder(res).Encode(v) }

func (w *watchedLab) call(method string, params json.RawMessage) any {
	var p struct {
		GroupIDs, HostIDs, ItemIDs, Output []string
	}
	_ = json.Unmarshal(params, &p)
	list := []map[string]string{}
	defer func() { named(list, p.Output) }()
	switch method {
	case "apiinfo.version":
		return "6.0.14"
	case "user.login":
		return "token"
	case "trigger.get":
		if w.fault == "no right to read" {
			return "0"
		}
		return "7"
	case "hostgroup.get":
		list = append(list, map[string]string{"groupid": "1", "name": grafana.Group}, map[string]string{"groupid": "2", "name": "other"})
	case "host.get":
		for host := range w.items() {
			if slices.Contains(p.GroupIDs, "1") {
				list = append(list, map[string]string{"hostid": host, "name": host})
			}
		}
	case "item.get":
		for host, names := range w.items() {
			for _, name := range names {
				if slices.Contains(p.HostIDs, host) {
					list = append(list, map[string]string{"itemid": host + "|" + name, "hostid": host, "name": name, "value_type": "0"})
				}
			}
		}
	case "history.get":
		for _, id := range p.ItemIDs {
			list = append(list, map[string]string{"itemid": id, "clock": fmt.Sprint(time.Now().Add(-w.age()).Unix())})
		}
	}
	return list
}

// named removes the fields that the call has not named: as Zabbix 7.0, where the id is
// no exception.
func named(list []map[string]string, output []string) {
	for _, row := range list {
		maps.DeleteFunc(row, func(field, _ string) bool { return !slices.Contains(output, field) })
	}
}

// pages is Grafana.
func (w *watchedLab) pages(res http.ResponseWriter, req *http.Request) {
	_, password, _ := req.BasicAuth()
	if password != "right" && w.fault != "open door" {
		res.WriteHeader(http.StatusUnauthorized)
		return
	}
	path := req.URL.Path
	switch {
	case path == "/api/search":
		answerJSON(res, []any{})
	case strings.HasPrefix(path, "/api/plugins/") && w.fault == "plugin missing":
		res.WriteHeader(http.StatusNotFound)
		answerJSON(res, map[string]string{"message": "Plugin not found, no installed plugin with that id"})
	case strings.HasPrefix(path, "/api/plugins/"):
		answerJSON(res, map[string]bool{"enabled": w.fault != "plugin disabled"})
	case strings.HasPrefix(path, "/api/dashboards/uid/"):
		w.dashboard(res, strings.TrimPrefix(path, "/api/dashboards/uid/"))
	case strings.HasSuffix(path, "/resources/zabbix-api") && w.fault == "source ill":
		res.WriteHeader(http.StatusInternalServerError)
		answerJSON(res, map[string]string{"error": "Internal Server Error", "message": "Login name or password is incorrect."})
	case strings.HasSuffix(path, "/resources/zabbix-api"):
		w.zabbix(res, req)
	case path == "/api/ds/query":
		w.query(res, req)
	default:
		res.WriteHeader(http.StatusNotFound)
	}
}

func (w *watchedLab) dashboard(res http.ResponseWriter, uid string) {
	for _, d := range grafana.Dashboards() {
		if d.UID == uid && w.fault != uid {
			if w.fault == "changed" {
				d.Panels = d.Panels[1:]
				d.Panels[0].Targets[0].Item.Filter = "Nothing: of ours"
			}
			answerJSON(res, map[string]any{"dashboard": d})
			return
		}
	}
	res.WriteHeader(http.StatusNotFound)
	answerJSON(res, map[string]string{"message": "Dashboard not found"})
}

func (w *watchedLab) query(res http.ResponseWriter, req *http.Request) {
	var body struct{ Queries []grafana.Query }
	_ = json.NewDecoder(req.Body).Decode(&body)
	frames := []any{}
	at := time.Now().Add(-w.age()).UnixMilli()
	for host, names := range w.items() {
		for _, name := range names {
			if q := body.Queries[0]; q.Host.Matches(host, nil) && q.Item.Matches(name, nil) {
				frames = append(frames, map[string]any{
					"schema": map[string]any{"fields": []any{map[string]any{"type": "time"}, map[string]any{"type": "number", "labels": map[string]string{"host": host, "item": name}}}},
					"data":   map[string]any{"values": []any{[]any{at, at + 500}, []any{1, nil}}},
				})
			}
		}
	}
	result := map[string]any{"frames": frames}
	if w.fault == "query refused" {
		result = map[string]any{"error": "Session terminated, re-login, please."}
	}
	answerJSON(res, map[string]any{"results": map[string]any{body.Queries[0].RefID: result}})
}

func runGrafana(t *testing.T, withGrafana bool, fault string, names ...string) Report {
	t.Helper()
	j, _ := newWatched(t, withGrafana, fault)
	checks, err := Choose(grafanaChecks(j), names)
	if err != nil {
		t.Fatal(err)
	}
	if fault == "" { // a machine that is busy makes no fault
		for i := range checks {
			checks[i].Timeout = testkit.Patience
		}
	}
	return Run(t.Context(), j, checks, nil)
}

func TestDashboardsOfAWellLabAreFull(t *testing.T) {
	if r := runGrafana(t, true, ""); r.OK != r.Total || r.Total != 4+len(grafana.Dashboards()) {
		t.Errorf("with Grafana: %+v", r.Results)
	}
	if r := runGrafana(t, false, ""); r.OK != len(grafana.Dashboards()) || r.Skipped != 4 {
		t.Errorf("without: %+v", r.Results)
	}
}

func TestEachFaultOfDashboardsIsNamed(t *testing.T) {
	for _, c := range []struct {
		fault       string
		withGrafana bool
		check, want string
	}{
		{"Zabbix away", false, "grafana.panels.auth", "Zabbix's API: apiinfo.version"},
		{"wrong password", false, "grafana.panels.auth", "Zabbix does not let Admin in"},
		{"authd: sign-ups", false, "grafana.panels.auth", `dashboard "Auth", panel "Sign-ups and renewals", query A (authd: sign-ups): nothing of one services`},
		{"authd: sign-ups", true, "grafana.panels.auth", `dashboard "Auth", panel "Sign-ups and renewals", query A (authd: sign-ups): nothing of one services`},
		{"CPU: load avg1 for each CPU", true, "grafana.panels.node", `dashboard "Node", panel "Load", query A (CPU: load avg1 for each CPU): nothing of one`},
		{"old values", false, "grafana.panels.chat", `3h0m`},
		{"old values", true, "grafana.panels.chat", `old of one services`},
		{"Grafana away", true, "grafana.source", "Grafana"},
		{"open door", true, "grafana.anonymous", "200"},
		{"plugin missing", true, "grafana.plugin", "Plugin not found"},
		{"plugin disabled", true, "grafana.plugin", "it is disabled"},
		{"source ill", true, "grafana.source", "Login name or password is incorrect."},
		{"no right to read", true, "grafana.source", "may not read the group"},
		{"query refused", true, "grafana.panels.events", "Session terminated"},
		{"chatlab-chat", true, "grafana.dashboards", "dashboard chatlab-chat"},
		{"changed", true, "grafana.dashboards", "panels of chatlab-overview"},
		{"changed", true, "grafana.panels.overview", "(Nothing: of ours): nothing of any host"},
	} {
		t.Run(c.fault+" "+c.check, func(t *testing.T) {
			t.Parallel()
			got := runGrafana(t, c.withGrafana, c.fault, c.check).Results[0]
			if got.Result != Fail || !strings.Contains(got.Seen, c.want) || strings.Contains(got.Seen+got.Expected, "\n") {
				t.Errorf("%s: expected %q, seen %q", got.Result, got.Expected, got.Seen)
			}
		})
	}
}
