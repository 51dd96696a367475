// Package grafana describes the lab's dashboards, and writes them as Grafana
// reads them. `make dashboards` writes grafana/dashboards; a test holds that the
// files are generated from this description.
//
// The JSON has the schema of Grafana 9.3, which all later releases read, and the
// queries that of the Zabbix plugin since 4.4. The shown series are named by the
// items of the Zabbix templates, and a limit is a macro of theirs: a dashboard
// that names what no template has cannot be built.
package grafana

import (
	"bytes"
	"encoding/json"
)

// Names that Grafana knows the plugin's parts by.
const (
	Plugin       = "alexanderzobnin-zabbix-app"
	DataSource   = "alexanderzobnin-zabbix-datasource"
	ProblemsType = "alexanderzobnin-zabbix-triggers-panel"
)

// SourceUID is the data source that the playbook provisions.
const SourceUID = "chatlab-zabbix"

// Group is the group of the lab's hosts in Zabbix.
const Group = "chatlab"

// Dashboard is one dashboard.
type Dashboard struct {
	UID           string     `json:"uid"`
	Title         string     `json:"title"`
	Description   string     `json:"description"`
	Tags          []string   `json:"tags"`
	SchemaVersion int        `json:"schemaVersion"`
	Version       int        `json:"version"`
	Editable      bool       `json:"editable"`
	GraphTooltip  int        `json:"graphTooltip"`
	Refresh       string     `json:"refresh"`
	Time          TimeRange  `json:"time"`
	Timezone      string     `json:"timezone"`
	Links         []DashLink `json:"links"`
	Templating    struct {
		List []Variable `json:"list"`
	} `json:"templating"`
	Annotations struct {
		List []Annotation `json:"list"`
	} `json:"annotations"`
	Panels []Panel `json:"panels"`
}

// TimeRange is what a dashboard shows when it is opened.
type TimeRange struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// DashLink is the row of links to the other dashboards.
type DashLink struct {
	Title       string   `json:"title"`
	Type        string   `json:"type"`
	Tags        []string `json:"tags"`
	Icon        string   `json:"icon"`
	AsDropdown  bool     `json:"asDropdown"`
	IncludeVars bool     `json:"includeVars"`
	KeepTime    bool     `json:"keepTime"`
	TargetBlank bool     `json:"targetBlank"`
}

// Variable is a choice at the top of a dashboard.
type Variable struct {
	Name        string         `json:"name"`
	Label       string         `json:"label"`
	Description string         `json:"description"`
	Type        string         `json:"type"` // datasource, query
	Query       any            `json:"query"`
	Datasource  *Ref           `json:"datasource,omitempty"`
	Definition  string         `json:"definition,omitempty"`
	Regex       string         `json:"regex"`
	Refresh     int            `json:"refresh"`
	Sort        int            `json:"sort"`
	Hide        int            `json:"hide"`
	Multi       bool           `json:"multi"`
	IncludeAll  bool           `json:"includeAll"`
	Current     map[string]any `json:"current"`
	Options     []any          `json:"options"`
}

// Ref names a data source; here it is always the variable.
type Ref struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// Annotation marks on a graph what Zabbix has raised.
type Annotation struct {
	Name       string `json:"name"`
	Datasource Ref    `json:"datasource"`
	Enable     bool   `json:"enable"`
	Hide       bool   `json:"hide"`
	IconColor  string `json:"iconColor"`
	BuiltIn    int    `json:"builtIn,omitempty"`
	Type       string `json:"type,omitempty"`
	Target     any    `json:"target,omitempty"`
}

// Panel is one panel.
type Panel struct {
	ID               int         `json:"id"`
	Type             string      `json:"type"`
	Title            string      `json:"title"`
	Description      string      `json:"description"`
	GridPos          Box         `json:"gridPos"`
	Datasource       Ref         `json:"datasource"`
	Targets          []Query     `json:"targets"`
	TimeFrom         string      `json:"timeFrom,omitempty"`
	HideTimeOverride bool        `json:"hideTimeOverride,omitempty"`
	Interval         string      `json:"interval,omitempty"`
	FieldConfig      FieldConfig `json:"fieldConfig"`
	Options          any         `json:"options"`
	Transformations  []Transform `json:"transformations,omitempty"`
	Links            []Link      `json:"links,omitempty"`
	SchemaVersion    int         `json:"schemaVersion,omitempty"` // of the problems panel
}

// Box is a place on the grid of 24 columns.
type Box struct {
	X int `json:"x"`
	Y int `json:"y"`
	W int `json:"w"`
	H int `json:"h"`
}

// Transform is a step between the query and the panel.
type Transform struct {
	ID      string         `json:"id"`
	Options map[string]any `json:"options"`
}

// Link leads to a dashboard.
type Link struct {
	Title string `json:"title"`
	URL   string `json:"url"`
}

// FieldConfig says how values are shown, and those of some series otherwise.
type FieldConfig struct {
	Defaults  Field      `json:"defaults"`
	Overrides []Override `json:"overrides"`
}

// Field is how a value is shown.
type Field struct {
	DisplayName string         `json:"displayName,omitempty"`
	Unit        string         `json:"unit,omitempty"`
	Decimals    *int           `json:"decimals,omitempty"`
	Min         *float64       `json:"min,omitempty"`
	Max         *float64       `json:"max,omitempty"`
	NoValue     string         `json:"noValue,omitempty"`
	Color       map[string]any `json:"color,omitempty"`
	Thresholds  *Thresholds    `json:"thresholds,omitempty"`
	Mappings    []Mapping      `json:"mappings,omitempty"`
	Links       []Link         `json:"links,omitempty"`
	Custom      map[string]any `json:"custom,omitempty"`
}

// Thresholds colour a value by where it lies.
type Thresholds struct {
	Mode  string `json:"mode"`
	Steps []Step `json:"steps"`
}

// Step is the colour from a value on; the first has none.
type Step struct {
	Color string   `json:"color"`
	Value *float64 `json:"value"`
}

// Mapping gives values words and colours.
type Mapping struct {
	Type    string         `json:"type"`
	Options map[string]any `json:"options"`
}

// Override is for the series whose name fits.
type Override struct {
	Matcher    Matcher    `json:"matcher"`
	Properties []Property `json:"properties"`
}

// Matcher chooses series.
type Matcher struct {
	ID      string `json:"id"`
	Options any    `json:"options"`
}

// Property is one thing that an override changes.
type Property struct {
	ID    string `json:"id"`
	Value any    `json:"value"`
}

// JSON returns the dashboard's file.
func (d Dashboard) JSON() ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(d); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// Files returns the files of grafana/dashboards by name.
func Files() (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, d := range Dashboards() {
		text, err := d.JSON()
		if err != nil {
			return nil, err
		}
		out[d.Name()+".json"] = text
	}
	return out, nil
}
