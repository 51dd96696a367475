package grafana

import (
	"slices"
	"strings"
	"testing"
	"time"

	"chatlab/src/zabbix"
)

// riddles are words that make a reader ask: they stand for a noun that is not there.
var riddles = []string{"what", "who", "whom", "whose", "which", "that", "how", "soon", "born", "everyone", "trouble", "here", "lacks", "waiting", "after", "for", "line"}

func TestTitlesAreNouns(t *testing.T) {
	for _, d := range committed(t) {
		seen := map[string]bool{}
		for _, p := range d.Panels {
			for _, word := range strings.Fields(strings.ToLower(strings.NewReplacer(":", " ", ",", " ").Replace(p.Title))) {
				if slices.Contains(riddles, word) {
					t.Errorf("%s, %q: the title needs explaining: %q", d.UID, p.Title, word)
				}
			}
			if seen[p.Title] {
				t.Errorf("%s: two panels are called %q", d.UID, p.Title)
			}
			seen[p.Title] = true
		}
	}
}

// shownAs is how Grafana shows each unit of Zabbix. One meaning has one unit, in
// every panel.
func shownAs(units string) string {
	known := map[string]string{"B": "bytes", "bps": "bps", "%": "percent", "!ms": "ms", "s": "s", "!/s": "suffix: /s", "uptime": "dtdurations"}
	if unit, ok := known[units]; ok {
		return unit
	}
	return "suffix: " + strings.TrimPrefix(units, "!")
}

func TestEveryNumberIsShownInItsUnit(t *testing.T) {
	for _, d := range committed(t) {
		for _, p := range d.Panels {
			if !kinds[p.Type] || coversAll(p.FieldConfig.Defaults.Mappings) {
				continue
			}
			for _, q := range p.Targets {
				for _, tpl := range zabbix.Templates() {
					for _, i := range Items(tpl, q.Item) {
						unit := p.FieldConfig.Defaults.Unit
						if i.Units == "" { // a value that a problem's name holds
							if !strings.HasPrefix(unit, "suffix: ") {
								t.Errorf("%s, %q: no unit: %q", d.UID, p.Title, unit)
							}
							continue
						}
						if want := shownAs(i.Units); p.FieldConfig.Defaults.Unit != want {
							t.Errorf("%s, %q: %s is in %q, want %q", d.UID, p.Title, i.Key, p.FieldConfig.Defaults.Unit, want)
						}
					}
				}
			}
		}
	}
}

// interval is the longest time between two values of what a panel shows.
func interval(p Panel) (longest time.Duration) {
	for _, q := range p.Targets {
		for _, tpl := range zabbix.Templates() {
			for _, i := range Items(tpl, q.Item) {
				longest = max(longest, tpl.Interval(i))
			}
		}
	}
	return longest
}

// A value older than three of its intervals is no data, and grey: it must neither
// look fresh nor well.
func TestStaleValuesAreNoData(t *testing.T) {
	tiles := 0
	for _, d := range committed(t) {
		for _, p := range d.Panels {
			if p.Type != "stat" {
				continue
			}
			tiles++
			looksBack, err := time.ParseDuration(p.TimeFrom)
			if want := 3 * interval(p); err != nil || looksBack != want || !p.HideTimeOverride {
				t.Errorf("%s, %q: it shows values of the last %q, want %s", d.UID, p.Title, p.TimeFrom, want)
			}
			if f := p.FieldConfig.Defaults; f.NoValue != onlyOne && (f.NoValue != noData || !greyForNothing(f.Mappings)) {
				t.Errorf("%s, %q: without a value it shows %q, and not in grey", d.UID, p.Title, f.NoValue)
			}
			if first := p.FieldConfig.Defaults.Thresholds.Steps[0]; first.Value != nil {
				t.Errorf("%s, %q: its first colour begins at %g", d.UID, p.Title, *first.Value)
			}
		}
	}
	if tiles < 20 {
		t.Errorf("only %d tiles were looked at", tiles)
	}
}

func greyForNothing(list []Mapping) bool {
	for _, m := range list {
		if result, ok := m.Options["result"].(map[string]any); ok && m.Options["match"] == "null" {
			return result["color"] == grey && result["text"] == noData
		}
	}
	return false
}

// A line that joins values further apart than three intervals claims values
// during an outage.
func TestLinesEndWithTheirValues(t *testing.T) {
	for _, d := range committed(t) {
		for _, p := range d.Panels {
			if p.Type != "timeseries" && p.Type != "state-timeline" {
				continue
			}
			apart, _ := p.FieldConfig.Defaults.Custom["spanNulls"].(float64)
			if want := 3 * interval(p); time.Duration(apart)*time.Millisecond != want {
				t.Errorf("%s, %q: it joins values %s apart, want %s", d.UID, p.Title, time.Duration(apart)*time.Millisecond, want)
			}
		}
	}
}

// Rows of several panels are read across: each names the nodes in the same order.
func TestNodesAreInOneOrder(t *testing.T) {
	panels := 0
	for _, d := range committed(t) {
		for _, p := range d.Panels {
			grouped := slices.ContainsFunc(p.Transformations, func(t Transform) bool {
				fields, _ := t.Options["fields"].(map[string]any)
				return t.ID == "groupBy" && fields["host"] != nil
			})
			perHost := p.FieldConfig.Defaults.DisplayName != "" || len(p.FieldConfig.Defaults.Links) > 0 && strings.Contains(p.FieldConfig.Defaults.Links[0].URL, "host")
			if !grouped && !perHost {
				continue
			}
			panels++
			if n := len(p.Transformations); n == 0 || p.Transformations[n-1].ID != "sortBy" {
				t.Errorf("%s, %q: its nodes are in any order", d.UID, p.Title)
			}
		}
	}
	if panels < 5 {
		t.Errorf("only %d panels with a row for each node", panels)
	}
}

// A screen of 1400 x 900 shows about 20 rows of the grid below Grafana's own bars.
func TestTheOverviewFitsOneScreen(t *testing.T) {
	all := committed(t)
	d := all[slices.IndexFunc(all, func(d Dashboard) bool { return d.UID == overviewUID })]
	height, problems := 0, 0
	titles := []string{}
	for _, p := range d.Panels {
		height = max(height, p.GridPos.Y+p.GridPos.H)
		titles = append(titles, p.Title)
		if p.Type == ProblemsType {
			problems = p.GridPos.W * p.GridPos.H
		}
	}
	if height > 20 || problems == 0 || problems > 24*height/5 {
		t.Errorf("%d rows high, want 20; the problems take %d of %d fields", height, problems, 24*height)
	}
	for _, want := range []string{"Availability, last hour", "Availability, last day", "Error budget left"} {
		if !slices.Contains(titles, want) {
			t.Errorf("no panel %q", want)
		}
	}
}

func TestEveryDashboardShowsMarks(t *testing.T) {
	for _, d := range committed(t) {
		if !slices.ContainsFunc(d.Annotations.List, func(a Annotation) bool { return a.Datasource == own && a.Enable }) {
			t.Errorf("%s shows no drills", d.UID)
		}
	}
}
