package grafana

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"chatlab/src/zabbix"
)

// Names of the templates.
const (
	nodeT = "Chatlab node"
	authT = "Chatlab auth"
	chatT = "Chatlab chat"
	logT  = "Chatlab log"
)

func template(name string) zabbix.Template {
	for _, t := range zabbix.Templates() {
		if t.Name == name {
			return t
		}
	}
	panic(fmt.Sprintf("grafana: no template %q", name))
}

// limit is a macro as a number: 16M is 16777216.
func limit(of, macro string) float64 {
	text := template(of).Macro(macro)
	scale := 1.0
	for suffix, times := range map[string]float64{"K": 1 << 10, "M": 1 << 20, "G": 1 << 30} {
		if number, ok := strings.CutSuffix(text, suffix); ok {
			text, scale = number, times
		}
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(fmt.Sprintf("grafana: %s of %s is no number: %q", macro, of, text))
	}
	return n * scale
}

// period is a macro as Grafana writes a time; both write 2m.
func period(of, macro string) string {
	text := template(of).Macro(macro)
	if text == "" {
		panic(fmt.Sprintf("grafana: %s has no %s", of, macro))
	}
	return text
}

// prototype stands in an item's name for what a discovery finds.
var prototype = regexp.MustCompile(`\{#[A-Z]+\}`)

// names are the names of a template's items and prototypes; in those of
// prototypes something stands for what is found.
func names(t zabbix.Template) []string {
	var out []string
	for _, i := range t.Items {
		out = append(out, i.Name)
	}
	for _, r := range t.Rules {
		for _, i := range r.Items {
			out = append(out, prototype.ReplaceAllString(i.Name, "some"))
		}
	}
	return out
}

// Items returns the items of a template whose names pass a filter, as
// [Filter.Matches] has it; prototypes with something for what is found.
func Items(t zabbix.Template, f Filter) []zabbix.Item {
	var out []zabbix.Item
	add := func(items []zabbix.Item, discovered bool) {
		for _, i := range items {
			if f.Matches(prototype.ReplaceAllString(i.Name, "some"), nil) {
				if discovered {
					i.Name = ""
				}
				out = append(out, i)
			}
		}
	}
	add(t.Items, false)
	for _, r := range t.Rules {
		add(r.Items, true)
	}
	return out
}

// must panics where no template has an item of that name: such a dashboard
// would show nothing.
func must(item string) string {
	for _, t := range zabbix.Templates() {
		if len(Items(t, Filter{item})) > 0 {
			return item
		}
	}
	panic(fmt.Sprintf("grafana: no template has an item %q", item))
}
