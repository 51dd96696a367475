package check

import (
	"context"
	"net/http"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/grafana"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/watch"
	"chatlab/src/wait"
)

// grafanaChecks proves that the dashboards show the lab. Where the target has
// no Grafana their queries are put to Zabbix itself, by the plugin's rules.
func grafanaChecks(j *Journey) []Check {
	inv := j.lab.Inventory
	if len(inv.Members(inventory.Grafana)) == 0 || len(inv.Members(inventory.ZabbixServer)) == 0 {
		return nil
	}
	here := []Need{grafanaIsHere}
	checks := []Check{
		{Name: "grafana.anonymous", Text: "nobody gets in without a password, nor with the default one", Needs: here, Run: grafanaStrangers},
		{Name: "grafana.plugin", Text: "the Zabbix plugin is there and enabled", Needs: here, Run: grafanaPlugin},
		{Name: "grafana.source", Text: "the data source gets at Zabbix", Needs: here, Run: grafanaSource},
		{Name: "grafana.dashboards", Text: "every dashboard is there, as it is described", Needs: here, Run: grafanaDashboards},
	}
	for _, d := range grafana.Dashboards() {
		checks = append(checks, Check{
			Name: "grafana.panels." + d.Name(), Text: "no panel of " + d.Title + " is empty", Timeout: toldLimit + panelLimit + DefaultTimeout,
			Run: func(ctx context.Context, e *Env) error { return e.panels(ctx, d) },
		})
	}
	return j.group(inventory.Grafana, "Grafana's page, and `journalctl -u grafana-server` on its node; `lab check zabbix` for what it shows", checks)
}

// grafanaIsHere tells whether Grafana was set up: the playbook makes its
// password then.
func grafanaIsHere(j *Journey) string {
	if _, err := j.lab.Target.Secret("grafana.password"); err != nil {
		return "this target has no Grafana"
	}
	return ""
}

func grafanaStrangers(ctx context.Context, e *Env) error {
	for _, who := range [][2]string{{"", ""}, {watch.GrafanaAccount, "admin"}} {
		g := e.grafana()
		g.user, g.password = who[0], who[1]
		status, body, err := g.get(ctx, "/api/search")
		if err != nil {
			return err
		}
		e.True(status == http.StatusUnauthorized, "a stranger to Grafana (user "+show(who[0])+") refused with 401", "%d %s", status, body)
	}
	return nil
}

func grafanaPlugin(ctx context.Context, e *Env) error {
	var settings struct{ Enabled bool }
	if err := e.grafana().into(ctx, "/api/plugins/"+grafana.Plugin+"/settings", &settings); err != nil {
		return errs.Wrap(err, errs.CodeOf(err), "plugin %s", grafana.Plugin)
	}
	e.True(settings.Enabled, "plugin "+grafana.Plugin+" enabled", "it is disabled")
	return nil
}

// grafanaSource asks what the plugin does not keep. The plugin's own test of the
// source is refused by Zabbix 6.0, for its form.
func grafanaSource(ctx context.Context, e *Env) error {
	var triggers string
	params := map[string]any{"group": grafana.Group, "countOutput": true}
	if err := e.grafana().zabbix(ctx, "trigger.get", params, &triggers); err != nil {
		return errs.Wrap(err, errs.CodeOf(err), "data source %s", grafana.SourceUID)
	}
	e.True(triggers != "0" && triggers != "", "triggers of the group "+grafana.Group+" through the data source", "none: its user may not read the group")
	return nil
}

func grafanaDashboards(ctx context.Context, e *Env) error {
	for _, want := range grafana.Dashboards() {
		got, err := e.grafana().dashboard(ctx, want.UID)
		if err != nil {
			return err
		}
		e.Same("panels of "+want.UID, titles(want), titles(got))
	}
	return nil
}

func titles(d grafana.Dashboard) string {
	var out []string
	for _, p := range d.Panels {
		out = append(out, p.Title)
	}
	return strings.Join(out, ", ")
}

// panels puts every query of a dashboard, for each choice of its variable.
func (e *Env) panels(ctx context.Context, d grafana.Dashboard) error {
	if _, err := e.watch(); err != nil { // also waits until a server that was just set up knows every item
		return err
	}
	ask, err := e.panelSource(ctx)
	if err != nil {
		return err
	}
	defer ask.close(context.WithoutCancel(ctx))
	if d, err = ask.deployed(ctx, d); err != nil {
		return err
	}
	empty, asked, err := e.emptyPanels(ctx, ask, d)
	if err != nil {
		return err
	}
	e.True(asked > 0, "queries in "+d.Title, "there is none for this lab")
	e.True(len(empty) == 0, "fresh values in every panel of "+d.Title, "%s", strings.Join(empty, "; "))
	return nil
}

// panelLimit is how long an item that was just discovered may take to show: the
// plugin keeps its lists for a minute. panelPoll is how often it is asked.
const (
	panelLimit = 90 * time.Second
	panelPoll  = 3 * time.Second
)

// emptyPanels asks until no query lacks anything, or the limit has passed; then
// it names the missing data.
func (e *Env) emptyPanels(ctx context.Context, ask panelSource, d grafana.Dashboard) (empty []string, asked int, err error) {
	limit, cancel := context.WithTimeout(ctx, e.panelWait)
	defer cancel()
	todo := questions(e.lab.Inventory, d)
	asked = len(todo)
	wait.Until(limit, panelPoll, func() bool {
		todo, empty, err = lackingOf(ctx, ask, todo)
		return err != nil || len(todo) == 0
	})
	return empty, asked, err
}

// lackingOf puts questions and returns those whose answers lack something, and what.
func lackingOf(ctx context.Context, ask panelSource, list []question) (lacking []question, what []string, err error) {
	for _, q := range list {
		lacks, err := ask.put(ctx, q)
		if err != nil {
			return nil, nil, errs.Wrap(err, errs.CodeOf(err), "%s", q)
		}
		if lacks != "" {
			lacking, what = append(lacking, q), append(what, q.String()+": "+lacks)
		}
	}
	return lacking, what, nil
}
