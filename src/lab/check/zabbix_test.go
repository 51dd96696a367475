package check

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"chatlab/src/lab/inventory"
)

func machines(t *testing.T) *inventory.Inventory { return load(t, "lab") }

func load(t *testing.T, name string) *inventory.Inventory {
	t.Helper()
	inv, err := inventory.Load("../../../ansible/inventories/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func TestEachMachineIsTwoHostsOfZabbix(t *testing.T) {
	ha := []string{"all services: Chatlab cluster"}
	for _, node := range []string{"auth", "chat", "log"} {
		ha = append(ha, node+": Chatlab node")
		for _, served := range []string{"auth", "chat", "log", "database cluster"} {
			ha = append(ha, node+" services: Chatlab "+served)
		}
	}
	for inv, want := range map[string][]string{
		"lab": {"auth services: Chatlab auth", "auth: Chatlab node", "chat services: Chatlab chat", "chat: Chatlab node",
			"log services: Chatlab log", "log: Chatlab node"},
		"ha": ha,
	} {
		var names []string
		for _, h := range watchedHosts(load(t, inv)) {
			for _, tpl := range h.templates {
				names = append(names, h.name+": "+tpl.Name)
			}
		}
		slices.Sort(names)
		slices.Sort(want)
		if !slices.Equal(names, want) {
			t.Errorf("%s: %q", inv, names)
		}
	}
}

// answered is a host as the API describes it, changed.
func answered(t *testing.T, change func(map[string]any)) *watched {
	t.Helper()
	host := map[string]any{
		"host": "auth", "interfaces": []any{map[string]any{"ip": "192.0.2.1", "port": "10050", "available": "1", "error": ""}},
		"items":       []any{map[string]any{"itemid": "7", "key_": "agent.ping", "state": "0", "error": "", "lastclock": "1700000000", "type": "0"}},
		"discoveries": []any{},
		"triggers":    []any{map[string]any{"description": "The agent does not answer", "value": "0", "status": "0", "state": "0", "error": ""}},
	}
	change(host)
	text, err := json.Marshal(host)
	if err != nil {
		t.Fatal(err)
	}
	var h seenHost
	if err := json.Unmarshal(text, &h); err != nil {
		t.Fatal(err)
	}
	return &watched{hosts: map[string]*seenHost{h.Name: &h}}
}

func first(host map[string]any, list string) map[string]any {
	return host[list].([]any)[0].(map[string]any)
}

func TestTheServerIsWaitedForUntilNothingLacks(t *testing.T) {
	hosts := []watchedHost{{name: "auth"}, {name: "unknown to the server"}}
	for name, tt := range map[string]struct {
		change func(map[string]any)
		items  int // that are hurried; -1: nothing lacks
	}{
		"well":          {func(map[string]any) {}, -1},
		"no value":      {func(h map[string]any) { first(h, "items")["lastclock"] = "0" }, 1},
		"not supported": {func(h map[string]any) { first(h, "items")["state"] = "1" }, 1},
		"fires":         {func(h map[string]any) { first(h, "triggers")["value"] = "1" }, 0},
		"switched off":  {func(h map[string]any) { first(h, "triggers")["value"], first(h, "triggers")["status"] = "1", "1" }, -1},
		"not available": {func(h map[string]any) { first(h, "interfaces")["available"] = "2" }, 0},
		"old server":    {func(h map[string]any) { delete(first(h, "interfaces"), "available"); h["available"] = "1" }, -1},
	} {
		lacking := answered(t, tt.change).lacking(hosts)
		if got := len(lacking); (lacking == nil) != (tt.items < 0) || (lacking != nil && got != tt.items) {
			t.Errorf("%s: %+v", name, lacking)
		}
	}
}

func TestARestartThatIsToldIsWaitedForLonger(t *testing.T) {
	hosts := []watchedHost{{name: "auth"}}
	for name, tt := range map[string]struct {
		change func(map[string]any)
		waits  bool
	}{
		"a restart": {func(map[string]any) {}, true},
		"nothing":   {func(h map[string]any) { first(h, "triggers")["value"] = "0" }, false},
		"an alarm":  {func(h map[string]any) { first(h, "triggers")["description"] = "authd is down" }, false},
		"a restart and an alarm": {func(h map[string]any) {
			h["triggers"] = append(h["triggers"].([]any), map[string]any{"description": "authd is down", "value": "1", "status": "0"})
		}, false},
		"a restart, and no value": {func(h map[string]any) { first(h, "items")["lastclock"] = "0" }, false},
	} {
		w := answered(t, func(h map[string]any) {
			first(h, "triggers")["description"], first(h, "triggers")["value"] = "authd was started again", "1"
			tt.change(h)
		})
		if got := w.onlyTells(w.lacking(hosts)); got != tt.waits {
			t.Errorf("%s: waits longer: %v, want %v", name, got, tt.waits)
		}
	}
}

func TestAnItemIsNotHurriedAtEveryLook(t *testing.T) {
	told, begun := hurried{}, time.Unix(0, 0)
	due := func(after time.Duration, ids ...string) string {
		var items []seenItem
		for _, id := range ids {
			items = append(items, seenItem{ID: id})
		}
		var out []string
		for _, i := range told.due(items, begun.Add(after), 10*time.Second) {
			out = append(out, i.ID)
		}
		return strings.Join(out, " ")
	}
	for _, look := range []struct {
		after time.Duration
		items []string
		want  string
	}{
		{0, []string{"1", "2"}, "1 2"},
		{2 * time.Second, []string{"1", "2", "3"}, "3"},
		{10 * time.Second, []string{"2", "3"}, "2"},
		{12 * time.Second, []string{"2", "3"}, "3"},
	} {
		if got := due(look.after, look.items...); got != look.want {
			t.Errorf("after %s: %q, want %q", look.after, got, look.want)
		}
	}
}

func TestWhatZabbixLacksIsNamed(t *testing.T) {
	host := watchedHosts(machines(t))[0]
	w := answered(t, func(map[string]any) {})
	for what, run := range map[string]func(*Env, watchedHost, *seenHost){"items": itemsFresh, "triggers": triggersThere} {
		c := Check{Name: what, Run: func(_ context.Context, e *Env) error { run(e, host, w.hosts["auth"]); return nil }}
		if r := Run(t.Context(), nil, []Check{c}, nil).Results[0]; r.Result != Fail || r.Expected == "" {
			t.Errorf("%s: %+v", what, r)
		}
	}
}

// A discovery is hurried until every one of its prototypes has made an item: a lab that
// is upgraded has items of the old prototypes only.
func TestWhatADiscoveryMakesIsKnown(t *testing.T) {
	host := watchedHosts(machines(t))[0] // a machine: disks and interfaces
	w := answered(t, func(h map[string]any) {
		h["discoveries"] = []any{map[string]any{"itemid": "8", "key_": "vfs.fs.discovery"}, map[string]any{"itemid": "9", "key_": "net.if.discovery"}}
	})
	auth := w.hosts["auth"]
	due := func(want ...string) {
		t.Helper()
		var got []string
		for _, rule := range auth.undiscovered(host.templates) {
			got = append(got, rule.Key)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v are due, want %v", got, want)
		}
	}
	due("vfs.fs.discovery", "net.if.discovery")
	for _, key := range []string{"vfs.fs.size[/,total]", "vfs.fs.size[/,used]", "vfs.fs.size[/,pused]", "vfs.fs.inode[/,pfree]"} {
		auth.Items = append(auth.Items, seenItem{Key: key, State: "0"})
	}
	due("vfs.fs.discovery", "net.if.discovery") // the forecast is new
	auth.Items = append(auth.Items, seenItem{Key: "fs.forecast[/]", State: "0"})
	due("net.if.discovery")
	auth.Items[len(auth.Items)-1].State = "1" // the disk is gone
	due("vfs.fs.discovery", "net.if.discovery")
}
