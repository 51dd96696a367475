package zabbix

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"chatlab/src/health"
	"chatlab/src/zbx"
)

const folder = "../../zabbix/templates"

func TestFilesAreWhatIsDescribed(t *testing.T) {
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		if got, err := os.ReadFile(filepath.Join(folder, name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what `make templates` writes (%v)", name, err)
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

var (
	itemInExpression = regexp.MustCompile(`\{:(.+?)\.([a-z]+)\(([^()]*)\)\}`)
	macroName        = regexp.MustCompile(`\{\$[A-Z0-9._]+\}`)
	number           = regexp.MustCompile(`[0-9]+`)
)

// roots are the causes that follow from nothing.
var roots = []string{silent, agentDown, NoQuorum, Pools[0].None(), Pools[1].None(), Pools[2].None()}

func TestEveryTriggerIsComplete(t *testing.T) {
	for _, tpl := range Templates() {
		keys, names := map[string]bool{}, map[string]bool{}
		for _, i := range tpl.items() {
			if keys[i.Key] {
				t.Errorf("%s: key %s twice", tpl.Name, i.Key)
			}
			keys[i.Key] = true
		}
		for _, tr := range tpl.triggers() {
			if names[tr.Name] {
				t.Errorf("%s: trigger %q twice", tpl.Name, tr.Name)
			}
			names[tr.Name] = true
			if tr.Severity == "" || tr.Scope == "" {
				t.Errorf("%s: %q has no severity or scope", tpl.Name, tr.Name)
			}
			parts := itemInExpression.FindAllStringSubmatch(tr.Expression, -1)
			if len(parts) == 0 {
				t.Errorf("%s: %q has no item: %s", tpl.Name, tr.Name, tr.Expression)
			}
			for _, p := range parts {
				if !keys[p[1]] {
					t.Errorf("%s: %q names the item %q, which is not there", tpl.Name, tr.Name, p[1])
				}
				if p[3] != "" && !macroName.MatchString(p[3]) {
					t.Errorf("%s: %q has the period %s, which is no macro", tpl.Name, tr.Name, p[3])
				}
			}
			// The remaining numbers stand for true and false.
			rest := macroName.ReplaceAllString(itemInExpression.ReplaceAllString(tr.Expression, ""), "")
			for _, n := range number.FindAllString(rest, -1) {
				if (n != "0" && n != "1") || !strings.Contains(tr.Expression, ")}="+n) {
					t.Errorf("%s: %q has the threshold %s, which is no macro", tpl.Name, tr.Name, n)
				}
			}
		}
		for _, tr := range tpl.triggers() {
			root := slices.Contains(roots, tr.Name)
			if root != (len(tr.After) == 0) {
				t.Errorf("%s: %q depends on %v: all but the first cause depend on something", tpl.Name, tr.Name, tr.After)
			}
			for _, cause := range tr.After {
				if !names[cause] || cause == tr.Name {
					t.Errorf("%s: %q depends on %q, which is not there", tpl.Name, tr.Name, cause)
				}
			}
		}
	}
}

func TestEveryMacroIsGivenAndUsed(t *testing.T) {
	for _, tpl := range Templates() {
		text, err := tpl.XML()
		if err != nil {
			t.Fatal(err)
		}
		body, _, _ := bytes.Cut(text, []byte("<macros>"))
		_, after, _ := bytes.Cut(text, []byte("</macros>"))
		used := map[string]bool{}
		for _, m := range macroName.FindAllString(string(body)+string(after), -1) {
			used[m] = true
		}
		given := map[string]bool{}
		for _, m := range tpl.Macros {
			if given[m.Name] || m.Description == "" || (m.Value == "") != strings.HasSuffix(m.Name, ".MEMBER}") {
				t.Errorf("%s: macro %s: twice, or without value or description", tpl.Name, m.Name)
			}
			given[m.Name] = true
			if !used[m.Name] && m.Name != "{$CHATLAB.DB.PERIOD}" { // the chat has no database
				t.Errorf("%s: macro %s is not used", tpl.Name, m.Name)
			}
		}
		for m := range used {
			if !given[m] {
				t.Errorf("%s: macro %s is not given", tpl.Name, m)
			}
		}
	}
}

func TestEveryItemIsComplete(t *testing.T) {
	for _, tpl := range Templates() {
		keys := map[string]bool{}
		for _, i := range tpl.items() {
			keys[i.Key] = true
		}
		for _, i := range tpl.items() {
			switch {
			case i.Name == "" || i.Group == "":
				t.Errorf("%s: %s has no name or group", tpl.Name, i.Key)
			case i.Type == Dependent && (!keys[i.Master] || i.Delay != ""):
				t.Errorf("%s: %s depends on %q", tpl.Name, i.Key, i.Master)
			case i.Type != Dependent && !macroName.MatchString(i.Delay):
				t.Errorf("%s: %s has the interval %q, which is no macro", tpl.Name, i.Key, i.Delay)
			case i.Type == HTTPAgent && (i.ValueType != Text || i.History == ""):
				t.Errorf("%s: %s is kept for long", tpl.Name, i.Key)
			}
		}
	}
}

// healthdKeys are the names of the keys that healthd answers.
func healthdKeys(t *testing.T) []string {
	t.Helper()
	checks, err := health.New(health.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, c := range checks.All() {
		out = append(out, c.Key)
	}
	return out
}

func TestEveryOwnKeyIsHealthds(t *testing.T) {
	known := healthdKeys(t)
	for _, tpl := range Templates() {
		keys := []string{}
		for _, i := range tpl.items() {
			if i.Type == "" {
				keys = append(keys, i.Key)
			}
		}
		for _, r := range tpl.Rules {
			keys = append(keys, r.Key)
		}
		for _, key := range keys {
			name, _, err := zbx.ParseKey(strings.NewReplacer("{#", "", "}", "").Replace(key))
			if err != nil {
				t.Errorf("%s: %s: %v", tpl.Name, key, err)
			}
			own := strings.HasPrefix(name, "chatlab.")
			if own && !slices.Contains(known, name) {
				t.Errorf("%s: healthd does not answer %s", tpl.Name, key)
			}
			if own == (tpl.Name == "Chatlab node") {
				t.Errorf("%s: %s belongs to another agent", tpl.Name, key)
			}
		}
	}
}

// A host may have every template on healthd's keys at once, and Zabbix refuses one with
// two items, rules or prototypes of the same key.
func TestNoTwoTemplatesOfAHostHaveTheSameKey(t *testing.T) {
	of := map[string]string{}
	for _, tpl := range Templates() {
		if tpl.Name == "Chatlab node" {
			continue // it has a host of its own
		}
		keys := []string{}
		for _, i := range tpl.items() {
			keys = append(keys, i.Key)
		}
		for _, r := range tpl.Rules {
			keys = append(keys, r.Key)
		}
		for _, key := range keys {
			if other, there := of[key]; there {
				t.Errorf("%s and %s both have %s", other, tpl.Name, key)
			}
			of[key] = tpl.Name
		}
	}
}
