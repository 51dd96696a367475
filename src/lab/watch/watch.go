// Package watch asks the Zabbix server that watches a lab.
package watch

import (
	"context"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/zabbix"
	"chatlab/src/zabbix/api"
)

// webPort is where the web interface listens, on the public address.
const webPort = "8080"

// Account is who the playbook gives the generated password.
const Account = "Admin"

// URL returns where the web interface answers. Fails with code usage when the
// inventory has no Zabbix server.
func URL(inv *inventory.Inventory) (string, error) {
	servers := inv.Members(inventory.ZabbixServer)
	if len(servers) == 0 {
		return "", errs.E(errs.Usage, "nothing watches this lab: its inventory names no zabbix_server").
			WithFix("add `zabbix_server: {hosts: {NAME: {}}}` to the inventory and run site.yml")
	}
	return "http://" + servers[0].Public.String() + ":" + webPort, nil
}

// Open signs in with the deployment's password. Fails with code usage when the
// lab has no Zabbix server, and as [api.SignIn] does.
func Open(ctx context.Context, l *lab.Lab, client *http.Client) (*api.Client, error) {
	base, err := URL(l.Inventory)
	if err != nil {
		return nil, err
	}
	path, err := l.Target.Secret("zabbix.password")
	if err != nil {
		return nil, err
	}
	password, err := os.ReadFile(path)
	if err != nil {
		return nil, errs.E(errs.Usage, "Zabbix's password: %w", err).WithFix("run site.yml, which makes it")
	}
	return api.SignIn(ctx, client, base, Account, strings.TrimSpace(string(password)))
}

// Problem is a trigger that fires, by the name that its template gives it.
type Problem struct{ Host, Trigger string }

func (p Problem) String() string { return p.Host + ": " + zabbix.Plain(p.Trigger) }

// ServicesHost is the name of the host of Zabbix that stands for what a node
// serves; the machine itself is a host of the node's own name.
func ServicesHost(node string) string { return node + " services" }

// Together is the host of Zabbix that stands for what several machines serve together.
const Together = "all services"

// Overseer returns the machine by whose eyes that host sees: that of Zabbix where it
// has a healthd. There is none where every service is on one machine only.
func Overseer(inv *inventory.Inventory) (inventory.Node, bool) {
	health := inv.Members(inventory.Healthd)
	several := slices.ContainsFunc([]string{inventory.Authd, inventory.Chatd, inventory.Logd}, func(service string) bool {
		return len(inv.Members(service)) > 1
	})
	if !several || len(health) == 0 {
		return inventory.Node{}, false
	}
	for _, n := range inv.Members(inventory.ZabbixServer) {
		if slices.Contains(health, n) {
			return n, true
		}
	}
	return health[0], true
}

// Firing returns what fires and does not only follow from what else fires.
func Firing(ctx context.Context, c *api.Client) ([]Problem, error) {
	var list []struct {
		Description string
		Hosts       []struct{ Host string }
	}
	err := c.Call(ctx, "trigger.get", map[string]any{
		"filter": map[string]any{"value": 1}, "monitored": 1, "skipDependent": 1,
		"output": []string{"description"}, "selectHosts": []string{"host"},
	}, &list)
	if err != nil {
		return nil, err
	}
	var out []Problem
	for _, t := range list {
		for _, h := range t.Hosts {
			out = append(out, Problem{h.Host, t.Description})
		}
	}
	slices.SortFunc(out, func(a, b Problem) int { return strings.Compare(a.String(), b.String()) })
	return out, nil
}

// grafanaPort is where Grafana listens unless the inventory has grafana_port.
const grafanaPort = "3000"

// GrafanaAccount is Grafana's administrator.
const GrafanaAccount = "admin"

// GrafanaURL returns where Grafana answers, "" when the inventory has none.
func GrafanaURL(inv *inventory.Inventory) string {
	members := inv.Members(inventory.Grafana)
	if len(members) == 0 {
		return ""
	}
	port := inv.Var("grafana_port")
	if port == "" {
		port = grafanaPort
	}
	return "http://" + net.JoinHostPort(members[0].Public.String(), port)
}

// Place is a page for a browser.
type Place struct {
	Name, URL, User string
	Password        string // the file that holds it
}

// Places lists the pages that a lab has: one without its password was not set up.
func Places(l *lab.Lab) []Place {
	var out []Place
	add := func(p Place, secret string) {
		path, err := l.Target.Secret(secret)
		if err == nil && p.URL != "" {
			p.Password = path
			out = append(out, p)
		}
	}
	add(Place{Name: "Grafana", URL: GrafanaURL(l.Inventory), User: GrafanaAccount}, "grafana.password")
	if base, err := URL(l.Inventory); err == nil {
		add(Place{Name: "Zabbix", URL: base, User: Account}, "zabbix.password")
	}
	return out
}
