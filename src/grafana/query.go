package grafana

import (
	"regexp"
	"strings"
)

// Types of the plugin's queries.
const (
	Metrics  = "0"
	Problems = "5"
)

// Query is a query of the plugin. It reads every filter, so none may be missing.
type Query struct {
	RefID        string         `json:"refId"`
	Datasource   Ref            `json:"datasource"`
	QueryType    string         `json:"queryType"`
	Schema       int            `json:"schema"`
	ResultFormat string         `json:"resultFormat"`
	Group        Filter         `json:"group"`
	Host         Filter         `json:"host"`
	Application  Filter         `json:"application"`
	ItemTag      Filter         `json:"itemTag"`
	Item         Filter         `json:"item"`
	Macro        Filter         `json:"macro"`
	Proxy        Filter         `json:"proxy"`
	Trigger      Filter         `json:"trigger"`
	Tags         Filter         `json:"tags"`
	TextFilter   string         `json:"textFilter"`
	Evaltype     string         `json:"evaltype"`
	CountBy      string         `json:"countTriggersBy"`
	ShowProblems string         `json:"showProblems,omitempty"`
	Functions    []any          `json:"functions"`
	Options      map[string]any `json:"options"`
	Table        map[string]any `json:"table"`
	Triggers     map[string]any `json:"triggers"`
}

// Filter is a name, or an expression between slashes; "" is all.
type Filter struct {
	Filter string `json:"filter"`
}

// Matches tells whether a name passes, by the plugin's rules: all of it is the
// filter, or some of it fits the expression. variables are put in before.
func (f Filter) Matches(name string, variables map[string]string) bool {
	return f.matcher(variables)(name)
}

// matcher is Matches for many names.
func (f Filter) matcher(variables map[string]string) func(name string) bool {
	text := f.With(variables)
	expression, ok := expressionIn(text)
	if !ok {
		return func(name string) bool { return name == text }
	}
	re, err := regexp.Compile(expression)
	return func(name string) bool { return err == nil && re.MatchString(name) }
}

// With puts variables in, as the plugin does: plain text becomes an expression
// that fits the whole name.
func (f Filter) With(variables map[string]string) string {
	text := f.Filter
	for name, value := range variables {
		text = strings.ReplaceAll(text, "${"+name+"}", value)
	}
	if _, ok := expressionIn(text); text != f.Filter && !ok {
		return "/^" + text + "$/"
	}
	return text
}

func expressionIn(text string) (string, bool) {
	if len(text) < 3 || text[0] != '/' || text[len(text)-1] != '/' {
		return "", false
	}
	return text[1 : len(text)-1], true
}

// source is the data source that the variable names.
var source = Ref{Type: DataSource, UID: "${datasource}"}

// everyHost and thisHost choose the hosts of a query.
const (
	everyHost    = "/.*/"
	thisNode     = "${node}"
	thisServices = "${node} services"
)

func query(ref, queryType, host string) Query {
	return Query{
		RefID: ref, Datasource: source, QueryType: queryType, Schema: 12, ResultFormat: "time_series",
		Group: Filter{Group}, Host: Filter{host}, Evaltype: "0", Functions: []any{},
		Options: map[string]any{
			"showDisabledItems": false, "skipEmptyValues": false, "disableDataAlignment": false, "useZabbixValueMapping": false,
			"useTrends": "default", "count": false, "minSeverity": 0,
		},
		Table: map[string]any{"skipEmptyValues": false}, Triggers: map[string]any{"acknowledged": 2, "count": false, "minSeverity": 0},
	}
}

// values asks for the values of items, by name.
func values(ref, host, item string) Query {
	q := query(ref, Metrics, host)
	q.Item = Filter{item}
	return q
}

// problems asks for what Zabbix has raised and not found over.
func problems(host string) Query {
	q := query("A", Problems, host)
	q.ShowProblems = "problems"
	q.Options["acknowledged"], q.Options["hostsInMaintenance"] = 2, true
	q.Options["sortProblems"], q.Options["limit"] = "severity", 100
	return q
}

// own is Grafana's own store, which keeps the marks.
var own = Ref{Type: "grafana", UID: "-- Grafana --"}

// marked is the annotation of what people and playbooks do to the lab: drills
// and deployments.
func marked() Annotation {
	return Annotation{
		Name: "Drills and deployments", Datasource: own, Enable: true, IconColor: "blue",
		Target: map[string]any{"type": "tags", "tags": []string{MarkTag}, "matchAny": true, "limit": 100},
	}
}

// raised is the annotation of a graph: what began in its time.
func raised(host string) Annotation {
	return Annotation{
		Name: "Problems", Datasource: source, Enable: true, IconColor: "red",
		Target: map[string]any{
			"refId": "Anno", "fromAnnotations": true, "queryType": Problems, "schema": 12,
			"group": Filter{Group}, "host": Filter{host}, "application": Filter{}, "trigger": Filter{},
			"options": map[string]any{"minSeverity": 2, "showOkEvents": false, "hideAcknowledged": false, "showHostname": true},
		},
	}
}
