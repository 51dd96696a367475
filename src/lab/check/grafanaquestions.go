package check

import (
	"fmt"
	"strings"
	"time"

	"chatlab/src/grafana"
	"chatlab/src/lab/inventory"
	"chatlab/src/zabbix"
)

// question is a query of a panel, and what this lab must answer.
type question struct {
	dashboard, panel string
	query            grafana.Query
	variables        map[string]string
	wanted           []wanted // nothing for a query of problems: none is well
}

// wanted is a value that must come: of an item, or of one at least that a
// discovery has found.
type wanted struct {
	host, item string // item is "" for what was discovered
	age        time.Duration
}

func (q question) String() string {
	what := q.query.Item.With(q.variables)
	if q.query.QueryType == grafana.Problems {
		what = "problems"
	}
	return fmt.Sprintf("dashboard %s, panel %s, query %s (%s)", show(q.dashboard), show(q.panel), q.query.RefID, what)
}

// questions are those of a dashboard, for each node where it has that variable.
// A query for hosts that this lab has not is none.
func questions(inv *inventory.Inventory, d grafana.Dashboard) []question {
	choices := []map[string]string{nil}
	for _, v := range d.Templating.List {
		if v.Name == grafana.NodeVariable {
			choices = nil
			for _, n := range inv.Nodes {
				choices = append(choices, map[string]string{v.Name: n.Name})
			}
		}
	}
	var out []question
	for _, variables := range choices {
		for _, p := range d.Panels {
			for _, query := range p.Targets {
				q := question{d.Title, p.Title, query, variables, nil}
				if query.QueryType != grafana.Problems {
					q.wanted = wants(inv, query, variables)
				}
				if len(q.wanted) > 0 || query.QueryType == grafana.Problems {
					out = append(out, q)
				}
			}
		}
	}
	return out
}

// wants lists what a query must find: of each host that it means and each
// template of that host, the items that it names.
func wants(inv *inventory.Inventory, q grafana.Query, variables map[string]string) []wanted {
	var out []wanted
	known := false
	for _, h := range watchedHosts(inv) {
		for _, t := range h.templates {
			items := grafana.Items(t, q.Item)
			known = known || len(items) > 0
			if !q.Host.Matches(h.name, variables) {
				continue
			}
			for _, i := range items {
				out = append(out, wanted{h.name, i.Name, t.Freshness(i)})
			}
		}
	}
	if !known && !inTemplates(q.Item) { // a dashboard of another release, or one that somebody changed
		out = append(out, wanted{"any host", "", time.Hour})
	}
	return out
}

func inTemplates(f grafana.Filter) bool {
	for _, t := range zabbix.Templates() {
		if len(grafana.Items(t, f)) > 0 {
			return true
		}
	}
	return false
}

// series is what came for an item of a host.
type series struct {
	host, item string
	newest     time.Time
}

// lacking says which of the wanted values did not come, or are old; "" when
// all are there.
func (q question) lacking(came []series, now time.Time) string {
	var out []string
	for _, w := range q.wanted {
		var newest time.Time
		for _, s := range came {
			if s.host == w.host && (w.item == "" || s.item == w.item) && s.newest.After(newest) {
				newest = s.newest
			}
		}
		switch age := now.Sub(newest); {
		case newest.IsZero():
			out = append(out, "nothing of "+w.host)
		case age > w.age:
			out = append(out, fmt.Sprintf("%s old of %s", age.Round(time.Second), w.host))
		}
	}
	return strings.Join(out, ", ")
}

// since is how far back a query has to look.
func (q question) since(now time.Time) time.Time {
	oldest := time.Minute
	for _, w := range q.wanted {
		oldest = max(oldest, w.age)
	}
	return now.Add(-oldest)
}
