package check

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"chatlab/src/grafana"
	"chatlab/src/lab/watch"
	"chatlab/src/zabbix/api"
)

// panelSource puts the queries of the dashboards.
type panelSource interface {
	// deployed returns the dashboard that is looked at.
	deployed(ctx context.Context, described grafana.Dashboard) (grafana.Dashboard, error)
	// put puts a question and returns the missing part of the answer, "" for none.
	put(ctx context.Context, q question) (lacks string, err error)
	close(ctx context.Context)
}

// panelSource returns Grafana, or where the target has none Zabbix itself.
func (e *Env) panelSource(ctx context.Context) (panelSource, error) {
	if grafanaIsHere(e.Journey) == "" {
		g := e.grafana()
		return &throughGrafana{g, catalogue{call: g.zabbix}}, g.err
	}
	c, err := watch.Open(ctx, e.lab, e.http)
	if err != nil {
		return nil, err
	}
	return &straight{c, catalogue{call: c.Call}}, nil
}

// catalogue is what the plugin keeps of a Zabbix server: hosts and numeric items.
type catalogue struct {
	call  func(ctx context.Context, method string, params, result any) error
	hosts map[string]string // ID → visible name, of the lab's group
}

func (c *catalogue) load(ctx context.Context, group grafana.Filter) error {
	if c.hosts != nil {
		return nil
	}
	var groups []struct{ GroupID, Name string }
	if err := c.call(ctx, "hostgroup.get", map[string]any{"output": []string{"groupid", "name"}}, &groups); err != nil {
		return err
	}
	ids := []string{}
	for _, g := range groups {
		if group.Matches(g.Name, nil) {
			ids = append(ids, g.GroupID)
		}
	}
	var hosts []struct{ HostID, Name string }
	if err := c.call(ctx, "host.get", map[string]any{"groupids": ids, "output": []string{"hostid", "name"}}, &hosts); err != nil {
		return err
	}
	c.hosts = map[string]string{}
	for _, h := range hosts {
		c.hosts[h.HostID] = h.Name
	}
	return nil
}

// chosen returns the hosts that a query means, by their IDs.
func (c *catalogue) chosen(ctx context.Context, q question) (map[string]string, error) {
	if err := c.load(ctx, q.query.Group); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for id, name := range c.hosts {
		if q.query.Host.Matches(name, q.variables) {
			out[id] = name
		}
	}
	return out, nil
}

// problems asks as the panel of problems does. None is an answer; no host is not.
func (c *catalogue) problems(ctx context.Context, q question) (string, error) {
	hosts, err := c.chosen(ctx, q)
	if err != nil {
		return "", err
	}
	if len(hosts) == 0 {
		return "no host is meant by " + q.query.Host.With(q.variables), nil
	}
	var list []struct{ Name string }
	return "", c.call(ctx, "problem.get", map[string]any{"hostids": slices.Collect(maps.Keys(hosts)), "output": []string{"eventid", "name"}}, &list)
}

// straight puts queries to Zabbix's API, by the plugin's rules.
type straight struct {
	api *api.Client
	catalogue
}

func (s *straight) close(ctx context.Context) { _ = s.api.Close(ctx) }

func (s *straight) deployed(_ context.Context, d grafana.Dashboard) (grafana.Dashboard, error) {
	return d, nil
}

type numericItem struct{ ItemID, HostID, Name, ValueType string }

func (s *straight) put(ctx context.Context, q question) (string, error) {
	if q.query.QueryType == grafana.Problems {
		return s.problems(ctx, q)
	}
	hosts, err := s.chosen(ctx, q)
	if err != nil {
		return "", err
	}
	var all []struct {
		ItemID, HostID, Name string
		ValueType            string `json:"value_type"`
	}
	err = s.call(ctx, "item.get", map[string]any{
		"hostids": slices.Collect(maps.Keys(hosts)), "output": []string{"itemid", "name", "hostid", "value_type"}, "monitored": true,
		"filter": map[string]any{"value_type": []int{0, 3}},
	}, &all)
	if err != nil {
		return "", err
	}
	items := map[string]numericItem{}
	for _, i := range all {
		if q.query.Item.Matches(i.Name, q.variables) {
			items[i.ItemID] = numericItem{i.ItemID, i.HostID, i.Name, i.ValueType}
		}
	}
	now := time.Now()
	came, err := s.history(ctx, items, hosts, q.since(now))
	return q.lacking(came, now), err
}

// history returns the newest value of each item since a time.
func (s *straight) history(ctx context.Context, items map[string]numericItem, hosts map[string]string, since time.Time) ([]series, error) {
	byType := map[string][]string{}
	for id, i := range items {
		byType[i.ValueType] = append(byType[i.ValueType], id)
	}
	newest := map[string]time.Time{}
	for kind, ids := range byType {
		var points []struct{ ItemID, Clock string }
		n, _ := strconv.Atoi(kind)
		err := s.call(ctx, "history.get", map[string]any{"itemids": ids, "history": n, "time_from": since.Unix(), "output": []string{"itemid", "clock"}}, &points)
		if err != nil {
			return nil, err
		}
		for _, p := range points {
			clock, _ := strconv.ParseInt(p.Clock, 10, 64)
			if at := time.Unix(clock, 0); at.After(newest[p.ItemID]) {
				newest[p.ItemID] = at
			}
		}
	}
	var out []series
	for id, at := range newest {
		out = append(out, series{hosts[items[id].HostID], items[id].Name, at})
	}
	return out, nil
}
