package grafana

import (
	"fmt"
	"regexp"
)

// Colours of Grafana's palette: it has a shade of each for light and for dark.
const (
	green  = "green"
	orange = "orange"
	red    = "red"
	blue   = "blue"
	purple = "purple"
	yellow = "yellow"
	grey   = "#8e8e8e"
)

// mark is a colour from a value on.
type mark struct {
	from  float64
	color string
}

// marks makes thresholds: the first colour holds below the first mark.
func marks(first string, more ...mark) *Thresholds {
	t := &Thresholds{Mode: "absolute", Steps: []Step{{Color: first}}}
	for _, m := range more {
		t.Steps = append(t.Steps, Step{m.color, &m.from})
	}
	return t
}

// least is what "more than 0" begins with, for values a second.
const least = 0.001

// above colours values over a limit, as the trigger's > has it.
func above(limit float64, color string) *Thresholds {
	return marks(green, mark{max(limit, least), color})
}

func ptr[T any](v T) *T { return &v }

// text is what a panel says of itself.
type text struct{ title, says, empty string }

func (t text) panel(kind string, at Box) Panel {
	return Panel{
		Type: kind, Title: t.title, Description: t.says, GridPos: at, Datasource: source,
		FieldConfig: FieldConfig{Defaults: Field{NoValue: t.empty, Custom: map[string]any{}}, Overrides: []Override{}},
	}
}

// line is one series of a graph, or one value of a tile: an item by its name, or
// several that an expression finds.
type line struct {
	item  string
	name  string // in the legend; "" keeps the item's
	color string // "" takes the palette's
	host  string // "" is every host
	below bool   // drawn downwards
	dash  bool
}

func (p *Panel) ask(lines ...line) {
	for n, l := range lines {
		host := l.host
		if host == "" {
			host = everyHost
		}
		p.Targets = append(p.Targets, values(string(rune('A'+n)), host, must(l.item)))
		p.dress(l)
	}
}

// dress names and colours the series of a line. Several hosts' series begin with
// the host's name.
func (p *Panel) dress(l line) {
	o := Override{Matcher: Matcher{"byRegexp", "/^(.+: )?" + regexp.QuoteMeta(l.item) + "$/"}}
	if expression, ok := expressionIn(l.item); ok {
		o.Matcher.Options = "/^(.+: )?" + expression[1:] + "/" // it begins with ^
	}
	add := func(id string, value any) { o.Properties = append(o.Properties, Property{id, value}) }
	if l.name != "" {
		add("displayName", l.name)
	}
	if l.color != "" {
		add("color", map[string]any{"mode": "fixed", "fixedColor": l.color})
	}
	if l.below {
		add("custom.transform", "negative-Y")
	}
	if l.dash {
		add("custom.lineStyle", map[string]any{"fill": "dash", "dash": []int{6, 6}})
		add("custom.fillOpacity", 0)
	}
	if len(o.Properties) > 0 {
		p.FieldConfig.Overrides = append(p.FieldConfig.Overrides, o)
	}
}

// words are mappings of an item's values to words and colours. Where no value is
// known the panel is grey: it neither alarms nor calms.
func words(empty string, pairs ...[3]string) []Mapping {
	options := map[string]any{}
	for n, p := range pairs {
		options[p[0]] = map[string]any{"text": p[1], "color": p[2], "index": n}
	}
	return []Mapping{
		{"value", options},
		{"special", map[string]any{"match": "null", "result": map[string]any{"text": empty, "color": grey, "index": len(pairs)}}},
	}
}

func upWords() []Mapping {
	return words(noData, [3]string{"0", "DOWN", red}, [3]string{"1", "up", green})
}

func agentWords() []Mapping {
	return words(noData, [3]string{"0", "DOWN", red}, [3]string{"1", "up", green}, [3]string{"2", "unknown", grey})
}

// tile shows the newest value, coloured, unless it is stale.
func tile(t text, at Box, lines ...line) Panel {
	if t.empty == "" {
		t.empty = noData
	}
	p := t.panel("stat", at)
	p.TimeFrom, p.HideTimeOverride = stale(lines).String(), true
	p.ask(lines...)
	p.FieldConfig.Defaults.Color = map[string]any{"mode": "thresholds"}
	p.FieldConfig.Defaults.Thresholds = marks(green)
	p.FieldConfig.Defaults.Mappings = words(t.empty)
	p.Options = tileOptions("background", "value")
	return p
}

func tileOptions(color, textMode string) map[string]any {
	return map[string]any{
		"colorMode": color, "graphMode": "none", "justifyMode": "center", "orientation": "auto", "textMode": textMode, "text": map[string]any{},
		"reduceOptions": map[string]any{"calcs": []string{"lastNotNull"}, "fields": "", "values": false},
	}
}

// upTile is a tile of an up or down state.
func upTile(title, says string, at Box, l line, to string) Panel {
	p := tile(text{title, says, noData}, at, l)
	p.FieldConfig.Defaults.Mappings = upWords()
	p.FieldConfig.Defaults.Thresholds = marks(grey)
	return p.to(to)
}

// figure is a tile with its history behind it; its colour is that of a limit.
func figure(t text, at Box, unit string, limits *Thresholds, lines ...line) Panel {
	p := tile(t, at, lines...)
	p.FieldConfig.Defaults.Unit, p.FieldConfig.Defaults.Thresholds = unit, limits
	p.FieldConfig.Defaults.Mappings = words(t.empty)
	options := tileOptions("value", "value")
	options["graphMode"] = "area"
	p.Options = options
	return p
}

// perNode is a tile with a row for each node, which leads to the node: the sum of
// its items, or their greatest. The rows are in the order of the nodes' names, so
// that several such tiles are read across.
func perNode(t text, at Box, unit, how string, limits *Thresholds, l line) Panel {
	p := tile(t, at, l)
	d := &p.FieldConfig.Defaults
	d.Unit, d.Thresholds = unit, limits
	d.Links = []Link{{"Everything of ${__data.fields.host}", nodeURL("${__data.fields.host}")}}
	return p.byField("host", how)
}

// byField makes a row of all series that have a field in common, ordered by it.
// The field is a label of the series, or "Field", their name.
func (p Panel) byField(field, how string) Panel {
	p.Transformations = append(p.Transformations,
		Transform{"reduce", map[string]any{"mode": "seriesToRows", "reducers": []string{"lastNotNull"}, "labelsToFields": field != "Field"}},
		Transform{"groupBy", map[string]any{"fields": map[string]any{
			field:    map[string]any{"operation": "groupby", "aggregations": []string{}},
			"Last *": map[string]any{"operation": "aggregate", "aggregations": []string{how}},
		}}},
		Transform{"sortBy", map[string]any{"fields": map[string]any{}, "sort": []any{map[string]any{"field": field}}}})
	options := tileOptions("background", "value_and_name")
	options["orientation"] = "horizontal"
	options["text"] = map[string]any{"titleSize": 14, "valueSize": 20} // the same in all, and no smaller where a unit is long
	options["reduceOptions"] = map[string]any{"calcs": []string{"lastNotNull"}, "fields": fmt.Sprintf("/^Last \\* \\(%s\\)$/", how), "values": true}
	p.Options = options
	return p
}

// graph draws lines over time.
func graph(t text, at Box, unit string, lines ...line) Panel {
	p := t.panel("timeseries", at)
	p.ask(lines...)
	d := &p.FieldConfig.Defaults
	d.Unit, d.Color, d.Min = unit, map[string]any{"mode": "palette-classic"}, ptr(0.0)
	d.Thresholds = marks(green)
	d.Custom = map[string]any{
		"drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1, "fillOpacity": 12, "gradientMode": "none",
		"showPoints": "never", "pointSize": 4, "spanNulls": stale(lines).Milliseconds(), "axisPlacement": "auto", "axisLabel": "", "axisSoftMin": 0,
		"stacking": map[string]any{"mode": "none", "group": "A"}, "thresholdsStyle": map[string]any{"mode": "off"},
		"scaleDistribution": map[string]any{"type": "linear"}, "hideFrom": map[string]any{"legend": false, "tooltip": false, "viz": false},
	}
	for _, l := range lines {
		if l.below {
			d.Min = nil
		}
	}
	p.Options = map[string]any{
		"legend":  map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []string{"lastNotNull", "max"}},
		"tooltip": map[string]any{"mode": "multi", "sort": "desc"},
	}
	return p
}

// bare leaves the legend out, where it would take the graph's place.
func (p Panel) bare() Panel {
	options, _ := p.Options.(map[string]any)
	legend, _ := options["legend"].(map[string]any)
	legend["showLegend"] = false
	return p
}

// limited draws limits as lines.
func (p Panel) limited(t *Thresholds) Panel {
	t.Steps[0].Color = "transparent"
	p.FieldConfig.Defaults.Thresholds = t
	p.FieldConfig.Defaults.Custom["thresholdsStyle"] = map[string]any{"mode": "dashed"}
	return p
}

// percent fixes the axis.
func (p Panel) percent() Panel {
	p.FieldConfig.Defaults.Min, p.FieldConfig.Defaults.Max = ptr(0.0), ptr(100.0)
	return p
}

// atLeast keeps the axis from magnifying tiny values.
func (p Panel) atLeast(top float64) Panel {
	p.FieldConfig.Defaults.Custom["axisSoftMax"] = top
	return p
}

// decimals rounds.
func (p Panel) decimals(n int) Panel {
	p.FieldConfig.Defaults.Decimals = &n
	return p
}

// to links the panel to a dashboard.
func (p Panel) to(uid string) Panel {
	if uid != "" {
		p.FieldConfig.Defaults.Links = []Link{{"Look closer", "/d/" + uid + "?${__url_time_range}"}}
	}
	return p
}

func nodeURL(node string) string {
	return "/d/" + nodeUID + "?var-node=" + node + "&${__url_time_range}"
}

// history shows in colours when each service was up and when not.
func history(t text, at Box, lines ...line) Panel {
	p := t.panel("state-timeline", at)
	p.ask(lines...)
	d := &p.FieldConfig.Defaults
	// By thresholds the panel would put their ranges in place of the values, and no word would fit.
	d.Color, d.Thresholds = map[string]any{"mode": "fixed", "fixedColor": grey}, marks(grey)
	d.Mappings = []Mapping{agentWords()[0]}
	d.Custom = map[string]any{"fillOpacity": 80, "lineWidth": 0, "spanNulls": stale(lines).Milliseconds()}
	p.Options = map[string]any{
		"mergeValues": true, "showValue": "never", "alignValue": "center", "rowHeight": 0.8,
		"legend": map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": false}, "tooltip": map[string]any{"mode": "single", "sort": "none"},
	}
	p.Transformations = []Transform{
		{"renameByRegex", map[string]any{"regex": "^(?:.+: )?([^:]+): up$", "renamePattern": "$1"}},
		{"renameByRegex", map[string]any{"regex": "^(?:(.+): )?Agent: availability$", "renamePattern": "agent $1"}},
		{"renameByRegex", map[string]any{"regex": "^(?:.+: )?(.+)'s logger: connected to a log server$", "renamePattern": "$1"}},
	}
	return p
}

// alarms is the plugin's panel of problems.
func alarms(t text, at Box, host string) Panel {
	p := t.panel(ProblemsType, at)
	p.Targets = []Query{problems(host)}
	p.SchemaVersion = 8
	var severities []any
	for n, s := range [][2]string{{"Not classified", "rgb(108, 108, 108)"}, {"Information", "rgb(120, 158, 183)"}, {"Warning", "rgb(175, 180, 36)"},
		{"Average", "rgb(255, 137, 30)"}, {"High", "rgb(255, 101, 72)"}, {"Disaster", "rgb(215, 0, 0)"}} {
		severities = append(severities, map[string]any{"priority": n, "severity": s[0], "color": s[1], "show": true})
	}
	p.Options = map[string]any{
		"layout": "table", "hostField": true, "hostTechNameField": false, "hostProxy": false, "hostGroups": false, "showTags": false,
		"statusField": false, "statusIcon": false, "severityField": true, "ackField": false, "ageField": true, "opdataField": true,
		"descriptionField": true, "descriptionAtNewLine": false, "sortProblems": "priority", "fontSize": "100%", "pageSize": 4,
		"problemTimeline": false, "highlightBackground": false, "highlightNewEvents": false, "highlightNewerThan": "1h",
		"customLastChangeFormat": true, "lastChangeFormat": "HH:mm:ss", "resizedColumns": []any{width("age", 130), width("lastchange", 100)}, "allowDangerousHTML": false,
		"triggerSeverity": severities, "okEventColor": "rgb(56, 189, 113)", "ackEventColor": "rgb(56, 219, 156)", "markAckEvents": false,
	}
	return p
}

// width is what the reader of a table of problems would drag a column to:
// "a few seconds" is cut at the width that Age has by itself.
func width(column string, pixels int) map[string]any {
	return map[string]any{"id": column, "value": pixels}
}
