package grafana

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"chatlab/src/zabbix"
)

// Names of the templates.
const (
	nodeT = "Chatlab node"
	authT = "Chatlab auth"
	chatT = "Chatlab chat"
	logT  = "Chatlab log"

	databaseT = "Chatlab database cluster"
)

// templates are made once: every item that is shown is looked up in them.
var templates = sync.OnceValue(zabbix.Templates)

func template(name string) zabbix.Template {
	for _, t := range templates() {
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

// Items returns the items of a template whose names pass a filter, as
// [Filter.Matches] has it; prototypes too, whose names then are "".
func Items(t zabbix.Template, f Filter) []zabbix.Item {
	var out []zabbix.Item
	fits := f.matcher(nil)
	add := func(items []zabbix.Item, discovered bool) {
		for _, i := range items {
			name := i.Name
			if discovered {
				name = prototype.ReplaceAllString(name, "some")
				i.Name = ""
			}
			if fits(name) {
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
	for _, t := range templates() {
		if len(Items(t, Filter{item})) > 0 {
			return item
		}
	}
	panic(fmt.Sprintf("grafana: no template has an item %q", item))
}
