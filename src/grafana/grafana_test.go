package grafana

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"chatlab/src/zabbix"
)

const folder = "../../grafana/dashboards"

func TestFilesAreWhatIsDescribed(t *testing.T) {
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		if got, err := os.ReadFile(filepath.Join(folder, name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what `make dashboards` writes (%v)", name, err)
		}
	}
	there, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range there {
		if files[f.Name()] == nil {
			t.Errorf("%s is in the folder, but described nowhere", f.Name())
		}
	}
}

// committed are the dashboards as the files have them.
func committed(t *testing.T) []Dashboard {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	var out []Dashboard
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var d Dashboard
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&d); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		out = append(out, d)
	}
	return out
}

// kinds are the panels that Grafana 9.3 has and this project uses; those with a
// unit are true.
var kinds = map[string]bool{"timeseries": true, "stat": true, "state-timeline": false, ProblemsType: false}

func TestEveryPanelSaysWhatItIs(t *testing.T) {
	uids := map[string]bool{}
	for _, d := range committed(t) {
		if uids[d.UID] || d.UID == "" || d.Title == "" || d.Description == "" || d.SchemaVersion != 37 || !slices.Contains(d.Tags, tag) {
			t.Errorf("%s: uid, title, description, schema or tag is wrong, or the uid is another's", d.UID)
		}
		uids[d.UID] = true
		ids := map[int]bool{}
		for _, p := range d.Panels {
			hasUnit, known := kinds[p.Type]
			f := p.FieldConfig.Defaults
			switch {
			case ids[p.ID] || p.ID < 1:
				t.Errorf("%s, %q: id %d twice or none", d.UID, p.Title, p.ID)
			case !known:
				t.Errorf("%s, %q: Grafana 9.3 may have no panel %q", d.UID, p.Title, p.Type)
			case p.Title == "" || p.Description == "" || f.NoValue == "":
				t.Errorf("%s, %q: no title, no description or no word for nothing", d.UID, p.Title)
			case hasUnit && f.Unit == "" && !coversAll(f.Mappings):
				t.Errorf("%s, %q: no unit", d.UID, p.Title)
			case p.Datasource != source || len(p.Targets) == 0:
				t.Errorf("%s, %q: its data source is not the variable, or it has no query", d.UID, p.Title)
			}
			ids[p.ID] = true
		}
	}
}

// coversAll tells whether words stand for all values, which then need no unit.
func coversAll(list []Mapping) bool {
	for _, m := range list {
		if m.Type == "value" && m.Options["0"] != nil && m.Options["1"] != nil {
			return true
		}
	}
	return false
}

func TestNoPanelLiesOnAnother(t *testing.T) {
	for _, d := range committed(t) {
		taken := map[[2]int]string{}
		for _, p := range d.Panels {
			b := p.GridPos
			if b.X < 0 || b.Y < 0 || b.W < 3 || b.H < 3 || b.X+b.W > 24 {
				t.Errorf("%s, %q: %+v is not on the grid", d.UID, p.Title, b)
			}
			for x := b.X; x < b.X+b.W; x++ {
				for y := b.Y; y < b.Y+b.H; y++ {
					if other := taken[[2]int{x, y}]; other != "" {
						t.Fatalf("%s: %q lies on %q", d.UID, p.Title, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
		}
		for at := range taken {
			if at[1] > 0 && taken[[2]int{at[0], at[1] - 1}] == "" {
				t.Fatalf("%s: a hole above %q", d.UID, taken[at])
			}
		}
	}
}

func TestEveryQueryNamesWhatATemplateHas(t *testing.T) {
	for _, d := range committed(t) {
		for _, p := range d.Panels {
			refs := map[string]bool{}
			for _, q := range p.Targets {
				if refs[q.RefID] || q.RefID == "" || q.Datasource != source || q.Group.Filter != Group || q.Host.Filter == "" || q.Schema != 12 {
					t.Errorf("%s, %q: query %s: its letter, data source, group, host or schema is wrong", d.UID, p.Title, q.RefID)
				}
				refs[q.RefID] = true
				if (p.Type == ProblemsType) != (q.QueryType == Problems) {
					t.Errorf("%s, %q: query %s is of type %q", d.UID, p.Title, q.RefID, q.QueryType)
				}
				if q.QueryType == Problems {
					continue
				}
				var found []zabbix.Item
				for _, tpl := range zabbix.Templates() {
					found = append(found, Items(tpl, q.Item)...)
				}
				if len(found) == 0 {
					t.Errorf("%s, %q: query %s: no template has an item %s", d.UID, p.Title, q.RefID, q.Item.Filter)
				}
				for _, i := range found {
					if i.ValueType == zabbix.Text || i.ValueType == zabbix.Char {
						t.Errorf("%s, %q: query %s: %s is no number", d.UID, p.Title, q.RefID, i.Key)
					}
				}
			}
		}
	}
}

// The plugin reads all of these of every query, and breaks where one is missing.
func TestNoQueryLacksAFilter(t *testing.T) {
	text, err := json.Marshal(values("A", everyHost, "x"))
	if err != nil {
		t.Fatal(err)
	}
	var q map[string]any
	if err := json.Unmarshal(text, &q); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"group", "host", "application", "itemTag", "item", "macro", "proxy", "trigger", "tags"} {
		if f, ok := q[name].(map[string]any); !ok || f["filter"] == nil {
			t.Errorf("no %s: %s", name, text)
		}
	}
	for _, name := range []string{"functions", "options", "table", "triggers", "queryType", "resultFormat", "textFilter"} {
		if q[name] == nil {
			t.Errorf("no %s: %s", name, text)
		}
	}
}

var (
	variable = regexp.MustCompile(`\$\{([a-zA-Z_][a-zA-Z0-9_.]*)[^}]*\}`)
	address  = regexp.MustCompile(`/d/([a-z-]+)(?:\?([^"\\ ]*))?`)
)

// known are the variables that Grafana has of its own.
func known(name string) bool { return strings.HasPrefix(name, "__") }

func TestEveryVariableIsThere(t *testing.T) {
	for _, d := range committed(t) {
		text, err := d.JSON()
		if err != nil {
			t.Fatal(err)
		}
		names, used := map[string]bool{}, map[string]bool{}
		for _, v := range d.Templating.List {
			if names[v.Name] || v.Name == "" || v.Label == "" || v.Description == "" {
				t.Errorf("%s: variable %q twice, or it says nothing of itself", d.UID, v.Name)
			}
			names[v.Name] = true
		}
		for _, m := range variable.FindAllStringSubmatch(string(text), -1) {
			used[m[1]] = true
			if !names[m[1]] && !known(m[1]) {
				t.Errorf("%s: no variable %s", d.UID, m[1])
			}
		}
		for name := range names {
			if !used[name] {
				t.Errorf("%s: nothing uses the variable %s", d.UID, name)
			}
		}
	}
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	all := map[string]Dashboard{}
	for _, d := range committed(t) {
		all[d.UID] = d
	}
	reached := map[string]bool{overviewUID: true}
	for _, d := range all {
		text, err := d.JSON()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range address.FindAllStringSubmatch(string(text), -1) {
			to, ok := all[m[1]]
			if !ok {
				t.Errorf("%s: %s leads nowhere", d.UID, m[0])
			}
			reached[m[1]] = true
			for _, pair := range strings.Split(m[2], "&") {
				name, ok := strings.CutPrefix(pair, "var-")
				name, _, _ = strings.Cut(name, "=")
				if ok && !slices.ContainsFunc(to.Templating.List, func(v Variable) bool { return v.Name == name }) {
					t.Errorf("%s: %s has no variable %s", d.UID, m[1], name)
				}
			}
		}
		if len(d.Links) != 1 || !slices.Equal(d.Links[0].Tags, []string{tag}) {
			t.Errorf("%s does not link to the others", d.UID)
		}
		if len(d.Annotations.List) == 0 || d.Annotations.List[0].Datasource != source {
			t.Errorf("%s marks no problems", d.UID)
		}
	}
	for uid := range all {
		if !reached[uid] {
			t.Errorf("no panel leads to %s", uid)
		}
	}
}

func TestFiltersAreThePlugins(t *testing.T) {
	node := map[string]string{"node": "auth"}
	for _, c := range []struct {
		filter, name string
		want         bool
	}{
		{"CPU: use", "CPU: use", true},
		{"CPU: use", "CPU: user", false},
		{"/^Disk .*: use in %$/", "Disk /: use in %", true},
		{"/^Disk .*: use in %$/", "Disk /: used", false},
		{"${node} services", "auth services", true},
		{"${node}", "auth services", false},
		{"/^${node}( services)?$/", "auth services", true},
		{"/^${node}( services)?$/", "chat", false},
		{"/(/", "(", false},
		{"", "anything", false},
	} {
		if got := (Filter{c.filter}).Matches(c.name, node); got != c.want {
			t.Errorf("%q on %q: %t", c.filter, c.name, got)
		}
	}
}

func TestLimitsAreTheTemplates(t *testing.T) {
	if got := limit(logT, "{$LOG.BACKLOG.MAX}"); got != 16<<20 {
		t.Errorf("16M is %g", got)
	}
	for what, f := range map[string]func(){
		"macro": func() { limit(logT, "{$NO.SUCH}") }, "template": func() { limit("Chatlab none", "{$LOG.LAG.MAX}") },
		"item": func() { must("CPU: nonsense") }, "period": func() { period(logT, "{$NO.SUCH}") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a %s that is not there is taken", what)
				}
			}()
			f()
		}()
	}
}

// Outgoing traffic lies below the line under the name that the graph gives it.
func TestWhatIsSentLiesBelowTheLine(t *testing.T) {
	panels := node().Panels
	p := panels[slices.IndexFunc(panels, func(p Panel) bool { return p.Title == "Network" })]
	rename := p.Transformations[0].Options
	short := regexp.MustCompile(fmt.Sprint(rename["regex"]))
	for name, want := range map[string]bool{"Network eth0: sent": true, "Network eth0: received": false} {
		shown := short.ReplaceAllString(name, fmt.Sprint(rename["renamePattern"]))
		below := slices.ContainsFunc(p.FieldConfig.Overrides, func(o Override) bool {
			expression, _ := expressionIn(fmt.Sprint(o.Matcher.Options))
			return o.Properties[0].ID == "custom.transform" && regexp.MustCompile(expression).MatchString(shown)
		})
		if below != want {
			t.Errorf("%q, shown as %q, is below the line: %v", name, shown, below)
		}
	}
	if p.FieldConfig.Defaults.Min != nil {
		t.Error("the axis ends at the line")
	}
}
