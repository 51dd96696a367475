package grafana

import (
	"slices"
	"strings"
)

// The dashboards' names in addresses; they never change.
const (
	overviewUID = "chatlab-overview"
	nodeUID     = "chatlab-node"
	authUID     = "chatlab-auth"
	chatUID     = "chatlab-chat"
	eventsUID   = "chatlab-events"
	clusterUID  = "chatlab-cluster"
)

// tag is what the lab's dashboards find each other by.
const tag = "chatlab"

// MarkTag is the tag of the marks that the dashboards show.
const MarkTag = "chatlab-mark"

// Dashboards returns all dashboards.
func Dashboards() []Dashboard {
	return []Dashboard{overview(), node(), auth(), chat(), events(), cluster()}
}

// Name returns what the dashboard's file is called, and its check.
func (d Dashboard) Name() string { return strings.TrimPrefix(d.UID, "chatlab-") }

// NodeVariable is the variable of the dashboard of one node.
const NodeVariable = "node"

// dashboard makes one of panels; host chooses whose problems its graphs mark.
func dashboard(uid, title, says, host string, panels ...Panel) Dashboard {
	d := Dashboard{
		UID: uid, Title: title, Description: says, Tags: []string{tag}, SchemaVersion: 37, Version: 1, GraphTooltip: 1,
		Refresh: "10s", Time: TimeRange{"now-1h", "now"}, Timezone: "browser",
		Links: []DashLink{{Title: "", Type: "dashboards", Tags: []string{tag}, Icon: "external link", IncludeVars: false, KeepTime: true}},
	}
	d.Templating.List = []Variable{{
		Name: "datasource", Label: "Zabbix", Description: "The Zabbix server that watches the lab", Type: "datasource", Query: DataSource, Refresh: 1,
		Hide: 2, Current: map[string]any{"text": "Zabbix", "value": SourceUID, "selected": true}, Options: []any{},
	}}
	d.Annotations.List = []Annotation{raised(host), marked()}
	for n := range panels {
		panels[n].ID = n + 1
	}
	d.Panels = panels
	return d
}

// nodes is the variable of all machines, by their hosts in Zabbix.
func nodes() Variable {
	return Variable{
		Name: NodeVariable, Label: "Node", Description: "A machine of the lab", Type: "query", Datasource: &source, Refresh: 1, Sort: 1,
		Query:      map[string]any{"queryType": "host", "group": Group, "host": everyHost, "application": "", "itemTag": "", "item": ""},
		Definition: "Zabbix - host", Regex: "/^(?!.* services$).*$/", Current: map[string]any{}, Options: []any{},
	}
}

// tiles lays panels out in one row, from the left; each keeps its width.
func tiles(y, height int, panels ...Panel) []Panel {
	x := 0
	for n := range panels {
		panels[n].GridPos.X, panels[n].GridPos.Y, panels[n].GridPos.H = x, y, height
		x += panels[n].GridPos.W
	}
	return panels
}

func rows(lists ...[]Panel) []Panel { return slices.Concat(lists...) }

// wide is a panel's width; tiles gives it its place.
func wide(w int) Box { return Box{W: w} }
