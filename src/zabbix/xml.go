package zabbix

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"strings"
)

// group is where the templates are shown.
const group = "Templates/Chatlab"

type (
	xmlExport struct {
		XMLName   xml.Name      `xml:"zabbix_export"`
		Version   string        `xml:"version"`
		Date      string        `xml:"date"`
		Groups    []xmlName     `xml:"groups>group"`
		Templates []xmlTemplate `xml:"templates>template"`
		Triggers  []xmlTrigger  `xml:"triggers>trigger"`
		ValueMaps *xmlValueMaps `xml:"value_maps"`
	}
	xmlName struct {
		Name string `xml:"name"`
	}
	xmlTemplate struct {
		Template     string     `xml:"template"`
		Name         string     `xml:"name"`
		Description  string     `xml:"description"`
		Groups       []xmlName  `xml:"groups>group"`
		Applications []xmlName  `xml:"applications>application"`
		Items        []xmlItem  `xml:"items>item"`
		Rules        []xmlRule  `xml:"discovery_rules>discovery_rule,omitempty"`
		Macros       []xmlMacro `xml:"macros>macro"`
	}
	xmlMacro struct {
		Macro       string `xml:"macro"`
		Value       string `xml:"value"`
		Description string `xml:"description"`
	}
	xmlItem struct {
		Name          string    `xml:"name"`
		Type          string    `xml:"type,omitempty"`
		Key           string    `xml:"key"`
		Delay         string    `xml:"delay"`
		History       string    `xml:"history,omitempty"`
		Trends        string    `xml:"trends,omitempty"`
		ValueType     string    `xml:"value_type,omitempty"`
		Units         string    `xml:"units,omitempty"`
		Params        string    `xml:"params,omitempty"`
		Description   string    `xml:"description,omitempty"`
		Applications  []xmlName `xml:"applications>application"`
		ValueMap      *xmlName  `xml:"valuemap"`
		Preprocessing *xmlSteps `xml:"preprocessing"`
		Timeout       string    `xml:"timeout,omitempty"`
		URL           string    `xml:"url,omitempty"`
		Master        *xmlKey   `xml:"master_item"`
	}
	xmlKey struct {
		Key string `xml:"key"`
	}
	xmlSteps struct {
		Steps []xmlStep `xml:"step"`
	}
	xmlStep struct {
		Type    string `xml:"type"`
		Params  string `xml:"params"`
		OnError string `xml:"error_handler,omitempty"`
	}
	xmlRule struct {
		Name        string       `xml:"name"`
		Key         string       `xml:"key"`
		Delay       string       `xml:"delay"`
		Filter      *xmlFilter   `xml:"filter"`
		Lifetime    string       `xml:"lifetime"`
		Description string       `xml:"description,omitempty"`
		Items       []xmlItem    `xml:"item_prototypes>item_prototype"`
		Triggers    *xmlTriggers `xml:"trigger_prototypes"`
	}
	xmlFilter struct {
		EvalType   string         `xml:"evaltype"`
		Conditions []xmlCondition `xml:"conditions>condition"`
	}
	xmlCondition struct {
		Macro     string `xml:"macro"`
		Value     string `xml:"value"`
		Operator  string `xml:"operator,omitempty"`
		FormulaID string `xml:"formulaid"`
	}
	xmlTriggers struct {
		Triggers []xmlTrigger `xml:"trigger_prototype"`
	}
	xmlTrigger struct {
		Expression   string           `xml:"expression"`
		Name         string           `xml:"name"`
		OpData       string           `xml:"opdata"`
		URL          string           `xml:"url"`
		Priority     string           `xml:"priority"`
		Description  string           `xml:"description,omitempty"`
		Dependencies *xmlDependencies `xml:"dependencies"`
		Tags         []xmlTag         `xml:"tags>tag"`
	}
	xmlDependencies struct {
		Dependencies []xmlDependency `xml:"dependency"`
	}
	xmlDependency struct {
		Name       string `xml:"name"`
		Expression string `xml:"expression"`
	}
	xmlTag struct {
		Tag   string `xml:"tag"`
		Value string `xml:"value"`
	}
	xmlValueMaps struct {
		Maps []xmlValueMap `xml:"value_map"`
	}
	xmlValueMap struct {
		Name     string       `xml:"name"`
		Mappings []xmlMapping `xml:"mappings>mapping"`
	}
	xmlMapping struct {
		Value    string `xml:"value"`
		NewValue string `xml:"newvalue"`
	}
)

// XML returns a template in the form of Zabbix 5.0.
func (t Template) XML() ([]byte, error) {
	out := xmlTemplate{Template: t.Name, Name: t.Name, Description: t.Description, Groups: []xmlName{{group}}}
	for _, g := range t.groups() {
		out.Applications = append(out.Applications, xmlName{g})
	}
	for _, i := range t.Items {
		out.Items = append(out.Items, i.xml())
	}
	for _, r := range t.Rules {
		out.Rules = append(out.Rules, t.rule(r))
	}
	for _, m := range t.Macros {
		out.Macros = append(out.Macros, xmlMacro{m.Name, m.Value, m.Description})
	}
	// The date is of no meaning, and always the same.
	export := xmlExport{Version: "5.0", Date: "2026-01-01T00:00:00Z", Groups: []xmlName{{group}}, Templates: []xmlTemplate{out}}
	for _, tr := range t.Triggers {
		export.Triggers = append(export.Triggers, t.trigger(tr))
	}
	if maps := t.valueMaps(); len(maps) > 0 {
		export.ValueMaps = &xmlValueMaps{maps}
	}
	var buf bytes.Buffer
	buf.WriteString(xml.Header)
	enc := xml.NewEncoder(&buf)
	enc.Indent("", "  ")
	if err := enc.Encode(export); err != nil {
		return nil, err
	}
	buf.WriteByte('\n')
	return buf.Bytes(), nil
}

// items returns the items and the prototypes.
func (t Template) items() []Item {
	out := append([]Item(nil), t.Items...)
	for _, r := range t.Rules {
		out = append(out, r.Items...)
	}
	return out
}

// groups are the items' groups, in the order of their appearance.
func (t Template) groups() []string {
	var out []string
	seen := map[string]bool{}
	for _, i := range t.items() {
		if !seen[i.Group] {
			seen[i.Group] = true
			out = append(out, i.Group)
		}
	}
	return out
}

func (t Template) valueMaps() []xmlValueMap {
	var out []xmlValueMap
	seen := map[string]bool{}
	for _, i := range t.items() {
		if i.ValueMap == nil || seen[i.ValueMap.Name] {
			continue
		}
		seen[i.ValueMap.Name] = true
		one := xmlValueMap{Name: i.ValueMap.Name}
		for _, m := range i.ValueMap.Mappings {
			one.Mappings = append(one.Mappings, xmlMapping{m[0], m[1]})
		}
		out = append(out, one)
	}
	return out
}

func (i Item) xml() xmlItem {
	x := xmlItem{
		Name: i.Name, Type: i.Type, Key: i.Key, Delay: i.Delay, History: i.History, Trends: i.Trends, ValueType: i.ValueType,
		Units: i.Units, Params: i.Formula, Description: i.Description, Applications: []xmlName{{i.Group}}, URL: i.URL,
	}
	if i.ValueType == Text || i.ValueType == Char {
		x.Trends = "0"
	}
	if i.Type == Dependent {
		x.Delay = "0"
		x.Master = &xmlKey{i.Master}
	}
	if i.Type == HTTPAgent {
		x.Timeout = "5s"
	}
	if i.ValueMap != nil {
		x.ValueMap = &xmlName{i.ValueMap.Name}
	}
	if len(i.Steps) > 0 {
		x.Preprocessing = &xmlSteps{}
		for _, s := range i.Steps {
			one := xmlStep{Type: s.Type, Params: s.Params}
			if s == validated {
				one.OnError = "DISCARD_VALUE"
			}
			x.Preprocessing.Steps = append(x.Preprocessing.Steps, one)
		}
	}
	return x
}

func (t Template) rule(r Rule) xmlRule {
	x := xmlRule{Name: r.Name, Key: r.Key, Delay: r.Delay, Lifetime: cmp.Or(r.Lost, "7d"), Description: r.Description}
	if len(r.Filter) > 0 {
		x.Filter = &xmlFilter{EvalType: "AND"}
		for n, c := range r.Filter {
			one := xmlCondition{Macro: c.Macro, Value: c.Expression, FormulaID: string(rune('A' + n))}
			if c.Not {
				one.Operator = "NOT_MATCHES_REGEX"
			}
			x.Filter.Conditions = append(x.Filter.Conditions, one)
		}
	}
	for _, i := range r.Items {
		x.Items = append(x.Items, i.xml())
	}
	if len(r.Triggers) > 0 {
		x.Triggers = &xmlTriggers{}
		for _, tr := range r.Triggers {
			x.Triggers.Triggers = append(x.Triggers.Triggers, t.trigger(tr))
		}
	}
	return x
}

func (t Template) trigger(tr Trigger) xmlTrigger {
	x := xmlTrigger{
		Expression: t.expression(tr.Expression), Name: tr.Name, Priority: tr.Severity, Description: tr.about(), URL: t.dashboard(), OpData: tr.opData(),
		Tags: []xmlTag{{"part", strings.TrimPrefix(t.Name, "Chatlab ")}, {"scope", tr.Scope}},
	}
	for _, name := range tr.After {
		if x.Dependencies == nil {
			x.Dependencies = &xmlDependencies{}
		}
		cause, _ := t.find(name) // a test holds that it is there
		x.Dependencies.Dependencies = append(x.Dependencies.Dependencies, xmlDependency{name, t.expression(cause.Expression)})
	}
	return x
}

func (t Template) expression(short string) string {
	return strings.ReplaceAll(short, "{:", "{"+t.Name+":")
}

// find returns a trigger, or a prototype, by name.
func (t Template) find(name string) (Trigger, bool) {
	for _, tr := range t.triggers() {
		if tr.Name == name {
			return tr, true
		}
	}
	return Trigger{}, false
}

// triggers returns the triggers and the prototypes.
func (t Template) triggers() []Trigger {
	out := append([]Trigger(nil), t.Triggers...)
	for _, r := range t.Rules {
		out = append(out, r.Triggers...)
	}
	return out
}
