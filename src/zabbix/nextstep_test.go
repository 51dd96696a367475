package zabbix

import (
	"bytes"
	"strings"
	"testing"
)

// verbs are the commands that a trigger may name: each exists and changes nothing
// without being asked to.
var verbs = []string{"lab logs ", "lab check ", "lab status", "lab exec "}

func TestEveryTriggerNamesANextStep(t *testing.T) {
	for _, tpl := range Templates() {
		for _, tr := range tpl.triggers() {
			if len(tr.Description) < 20 || len(tr.Look) < 10 {
				t.Errorf("%s: %q does not say what it means and what to look at: %q, %q", tpl.Name, tr.Name, tr.Description, tr.Look)
			}
			known := false
			for _, verb := range verbs {
				known = known || strings.HasPrefix(tr.Run, verb)
			}
			if !known {
				t.Errorf("%s: %q names no command to run: %q", tpl.Name, tr.Name, tr.Run)
			}
			x := tpl.trigger(tr)
			for _, part := range []string{tr.Description, tr.Look, tr.Run} {
				if part == "" || !strings.Contains(x.Description, part) {
					t.Errorf("%s: the description of %q lacks %q", tpl.Name, tr.Name, part)
				}
			}
			if !strings.HasPrefix(x.URL, "{$LAB.GRAFANA}/d/chatlab-") || x.OpData == "" {
				t.Errorf("%s: %q has the address %q and the operational data %q", tpl.Name, tr.Name, x.URL, x.OpData)
			}
		}
	}
}

// A number that nobody can name the unit of is a riddle. Values with words need none,
// and Zabbix would write the unit of a value that a problem's name holds: "2 members of
// 3 members chat servers answer".
func TestEveryNumberHasAUnit(t *testing.T) {
	for _, tpl := range Templates() {
		inNames := ""
		for _, tr := range tpl.triggers() {
			if strings.Contains(tr.Name, "{ITEM.VALUE1}") {
				inNames += tr.Expression
			}
		}
		for _, i := range tpl.items() {
			if strings.Contains(inNames, "{:"+i.Key+".") {
				if i.Units != "" {
					t.Errorf("%s: the unit of %s would be in a problem's name", tpl.Name, i.Name)
				}
				continue
			}
			if i.ValueType != Text && i.ValueType != Char && i.ValueMap == nil && i.Units == "" {
				t.Errorf("%s: %s has no unit", tpl.Name, i.Name)
			}
		}
	}
}

func TestTheReadmeNamesEveryNextStep(t *testing.T) {
	text := readme()
	for _, tpl := range Templates() {
		for _, tr := range tpl.triggers() {
			for _, part := range []string{tr.Description, tr.Look, tr.Run} {
				if part == "" || !bytes.Contains(text, []byte(part)) {
					t.Errorf("the page says nothing of %q of %q", part, tr.Name)
				}
			}
		}
	}
}
