package scenario

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"chatlab/src/errs"
)

// good is a scenario without a mistake. Its lines are counted by the tests below.
const good = `title: The chat stands still
level: 1
minutes: 10
story: Nobody hears anybody.
needs: {targets: [local]}
faults:
  - kind: freeze
    service: chatd
symptoms:
  checks: [chat.echo]
  users: [chat]
hints: [Look at the states.]
question: Which part?
answers:
  - {part: chatd, kind: frozen}
solution:
  - run: lab restart chatd
debrief: Somebody stopped it.
`

func knows(glob string) (string, bool) { return "chat.echo", strings.HasPrefix(glob, "chat") }

func TestAScenarioWithoutAMistake(t *testing.T) {
	s, err := Parse("x.yml", []byte(good), knows)
	if err != nil {
		t.Fatal(err)
	}
	if s.Faults[0].Kind != Freeze || !s.Answers[0].Right("chatd@chat", "Frozen") || s.Users() != 6 {
		t.Errorf("%+v", s)
	}
}

func TestEachMistakeHasItsLineAndAFix(t *testing.T) {
	for _, c := range []struct {
		name, from, to string
		line           int
		text, fix      string
	}{
		{"unknown fault", "kind: freeze", "kind: freze", 7, `unknown fault "freze"`, "did you mean freeze?"},
		{"unknown key", "minutes: 10", "minuts: 10", 3, `unknown key "minuts"`, "did you mean minutes?"},
		{"key of a fault", "    service: chatd", "    servce: chatd", 8, `unknown key "servce"`, "did you mean service?"},
		{"field too many", "    service: chatd", "    service: chatd\n    percent: 5", 9, "takes no percent", "remove it"},
		{"field too few", "    service: chatd", "    node: chat", 7, "needs service", "add service:"},
		{"unknown service", "    service: chatd", "    service: chatt", 8, `unknown service "chatt"`, "did you mean chatd?"},
		{"no symptom", "  checks: [chat.echo]\n  users: [chat]", "  alarms: [x]", 9, "there is no symptom", "checks:"},
		{"unknown check", "[chat.echo]", "[event.chat]", 10, `unknown check "event.chat"`, "chat.echo"},
		{"unknown feeling", "users: [chat]", "users: [talk]", 11, `unknown feeling "talk"`, "chat"},
		{"level", "level: 1", "level: 4", 2, "level 4", "1, 2 or 3"},
		{"no number", "level: 1", "level: easy", 2, "cannot unmarshal", "docs/writing-incidents.md"},
		{"no hints", "hints: [Look at the states.]", "hints: []", 12, "no hints", "vaguest first"},
		{"unknown kind", "kind: frozen", "kind: icy", 15, `unknown kind "icy"`, "write one of"},
		{"no answer", "  - {part: chatd, kind: frozen}", "  - {kind: frozen}", 15, "names no part", "add part:"},
		{"no solution here", "  - run: lab restart chatd", "  - {run: x, on: [hosts]}", 16, "no solution for target local", "needs.targets"},
		{"unknown target", "targets: [local]", "targets: [locl]", 5, `unknown target "locl"`, "did you mean local?"},
		{"no debrief", "debrief: Somebody stopped it.\n", "", 1, "there is no debrief", "debrief:"},
		{"broken YAML", "level: 1", "level: [1", 2, "", "docs/writing-incidents.md"},
		{"key twice", "level: 1", "level: 1\nlevel: 2", 3, "already defined", "docs/writing-incidents.md"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(good, c.from) {
				t.Fatalf("%q is not in the scenario", c.from)
			}
			_, err := Parse("x.yml", []byte(strings.Replace(good, c.from, c.to, 1)), knows)
			var problems *Problems
			if !errs.Is(err, errs.Usage) || !errors.As(err, &problems) {
				t.Fatalf("%v", err)
			}
			for _, p := range problems.List {
				if (p.Line == c.line || c.name == "broken YAML") && strings.Contains(p.Text, c.text) && strings.Contains(p.Fix, c.fix) {
					if !strings.Contains(err.Error(), fmt.Sprintf("x.yml:%d: ", p.Line)) {
						t.Errorf("the error does not name the line: %v", err)
					}
					return
				}
			}
			t.Errorf("line %d, %q, fix %q is not in\n%v", c.line, c.text, c.fix, err)
		})
	}
}

func TestSeveralMistakesAreAllNamed(t *testing.T) {
	text := strings.NewReplacer("level: 1", "level: 9", "kind: frozen", "kind: icy").Replace(good)
	_, err := Parse("x.yml", []byte(text), nil)
	if err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("%v", err)
	}
}

func TestAFileThatIsNoneOfThese(t *testing.T) {
	for text, want := range map[string]string{"": "empty", "- a\n": "no mapping"} {
		if _, err := Parse("x.yml", []byte(text), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, _, err := Read("/nowhere/x.yml"); !errs.Is(err, errs.Usage) {
		t.Error(err)
	}
	if _, err := Text("silent-rom"); !strings.Contains(errs.FixOf(err), "silent-room") {
		t.Errorf("%v; %s", err, errs.FixOf(err))
	}
}

func FuzzParse(f *testing.F) {
	f.Add(good)
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := Parse("x.yml", []byte(text), nil); (s == nil) == (err == nil) {
			t.Errorf("%v and %v", s, err)
		}
	})
}
