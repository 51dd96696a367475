package check

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/watch"
	"chatlab/src/zabbix"
	"chatlab/src/zabbix/api"
)

// zabbixChecks proves that a Zabbix server watches the lab and finds it well.
func zabbixChecks(j *Journey) []Check {
	if len(j.lab.Inventory.Members(inventory.ZabbixServer)) == 0 {
		return nil
	}
	view := j.watch
	checks := []Check{
		{Name: "zabbix.password", Text: "the default account has not its default password", Run: defaultPassword},
		{Name: "zabbix.problems", Text: "no trigger fires on a healthy lab", Run: func(_ context.Context, e *Env) error {
			w, err := view()
			if err != nil {
				return err
			}
			e.Same("firing triggers", "", strings.Join(w.firing(), "; "))
			return nil
		}},
	}
	for _, h := range watchedHosts(j.lab.Inventory) {
		add := func(name, text string, run func(e *Env, h watchedHost, seen *seenHost)) {
			checks = append(checks, Check{
				Name: name + "." + strings.ReplaceAll(h.name, " ", "."), Text: text + " of " + h.name, Node: h.node,
				Run: func(_ context.Context, e *Env) error {
					w, err := view()
					if err != nil {
						return err
					}
					seen, ok := w.hosts[h.name]
					if !ok {
						return failf("host "+h.name, "Zabbix does not know it")
					}
					run(e, h, seen)
					return nil
				},
			})
		}
		add("zabbix.available", "Zabbix reaches the agent", available)
		add("zabbix.items", "every item is supported and fresh, every discovery works", itemsFresh)
		add("zabbix.triggers", "every trigger is there and can be evaluated", triggersThere)
	}
	for i := range checks {
		checks[i].Timeout = toldLimit + DefaultTimeout
	}
	return j.group(inventory.ZabbixServer, "Zabbix's web interface; `zabbix_get` on the server's node; the log of zabbix-server there", checks)
}

// watchedHost is a host that the playbook registers.
type watchedHost struct {
	name, node string
	templates  []zabbix.Template
}

// watchedHosts lists them: each machine, what it serves, and what several serve
// together.
func watchedHosts(inv *inventory.Inventory) []watchedHost {
	named := map[string]zabbix.Template{}
	for _, t := range zabbix.Templates() {
		named[t.Name] = t
	}
	var out []watchedHost
	for _, n := range inv.Nodes {
		out = append(out, watchedHost{n.Name, n.Name, []zabbix.Template{named["Chatlab node"]}})
		served := watchedHost{name: watch.ServicesHost(n.Name), node: n.Name}
		for _, s := range []struct{ group, template string }{
			{inventory.Authd, "Chatlab auth"}, {inventory.Chatd, "Chatlab chat"}, {inventory.Logd, "Chatlab log"},
		} {
			if slices.Contains(inv.Members(s.group), n) {
				served.templates = append(served.templates, named[s.template])
			}
		}
		if databases := inv.Members(inventory.MariaDB); len(databases) > 1 && slices.Contains(databases, n) {
			served.templates = append(served.templates, named["Chatlab database cluster"])
		}
		if len(served.templates) > 0 && slices.Contains(inv.Members(inventory.Healthd), n) {
			out = append(out, served)
		}
	}
	if n, ok := watch.Overseer(inv); ok {
		out = append(out, watchedHost{watch.Together, n.Name, []zabbix.Template{named["Chatlab cluster"]}})
	}
	return out
}

func available(e *Env, h watchedHost, seen *seenHost) {
	why := ""
	if len(seen.Interfaces) > 0 {
		why = seen.Interfaces[0].Error
	}
	e.True(seen.available(), "the agent of "+h.name+" available to Zabbix", "it is not: %s", why)
}

func itemsFresh(e *Env, h watchedHost, seen *seenHost) {
	now := time.Now()
	for _, t := range h.templates {
		for _, want := range t.Items {
			i := slices.IndexFunc(seen.Items, func(s seenItem) bool { return s.Key == want.Key })
			if i < 0 {
				e.True(false, "item "+want.Key, "Zabbix does not have it")
				continue
			}
			got := seen.Items[i]
			e.True(got.State == "0", "item "+want.Key+" supported", "%s", got.Error)
			clock, _ := strconv.ParseInt(got.LastClock, 10, 64)
			age, most := now.Sub(time.Unix(clock, 0)), t.Freshness(want)
			e.True(age <= most, fmt.Sprintf("a value of %s of the last %s", want.Key, most), "the last is %s old", age.Round(time.Second))
		}
		for _, want := range t.Rules {
			i := slices.IndexFunc(seen.Rules, func(s seenItem) bool { return s.Key == want.Key })
			if i < 0 {
				e.True(false, "discovery "+want.Key, "Zabbix does not have it")
				continue
			}
			e.True(seen.Rules[i].State == "0", "discovery "+want.Key+" supported", "%s", seen.Rules[i].Error)
			for _, prototype := range want.Items {
				e.True(len(seen.of(prototype)) > 0, "an item "+prototype.Key+" found by discovery "+want.Key, "there is none")
			}
		}
	}
	for _, got := range seen.Items { // what was discovered as well
		e.True(got.State == "0", "item "+got.Key+" supported", "%s", got.Error)
	}
}

func triggersThere(e *Env, h watchedHost, seen *seenHost) {
	for _, t := range h.templates {
		for _, want := range t.Triggers {
			found := false
			for _, got := range seen.Triggers {
				found = found || got.Description == want.Name && got.Status == "0"
			}
			e.True(found, fmt.Sprintf("trigger %q enabled", want.Name), "it is not")
		}
	}
	for _, got := range seen.Triggers {
		e.True(got.State == "0" || got.Status != "0", fmt.Sprintf("trigger %q evaluated", got.Description), "%s", got.Error)
	}
}

func defaultPassword(ctx context.Context, e *Env) error {
	base, err := watch.URL(e.lab.Inventory)
	if err != nil {
		return err
	}
	_, err = api.SignIn(ctx, e.http, base, watch.Account, "zabbix")
	if err != nil && !errs.Is(err, errs.WrongCredentials) {
		return err
	}
	e.True(err != nil, watch.Account+" with the password zabbix refused", "it is let in")
	return nil
}
