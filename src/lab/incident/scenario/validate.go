package scenario

import (
	"slices"
	"strconv"
	"strings"
)

// validate notes the mistakes of a scenario whose form is right.
func (p *parser) validate(s *Scenario) {
	for key, text := range map[string]string{"title": s.Title, "story": s.Story, "question": s.Question, "debrief": s.Debrief} {
		if strings.TrimSpace(text) == "" {
			p.add(p.line(key), "write "+key+": and a text", "there is no %s", key)
		}
	}
	if s.Level < 1 || s.Level > 3 {
		p.add(p.line("level"), "write level: 1, 2 or 3", "level %d is none", s.Level)
	}
	if s.Minutes < 1 || s.Minutes > 240 {
		p.add(p.line("minutes"), "write minutes: 1 to 240", "%d minutes", s.Minutes)
	}
	p.load(s.Load)
	p.needs(s.Needs)
	p.faults(s)
	p.symptoms(s.Symptoms)
	p.answers(s)
	if len(s.Hints) == 0 {
		p.add(p.line("hints"), "write a list of sentences, the vaguest first", "there are no hints")
	}
	for i, glob := range s.Repaired {
		p.check(glob, "repaired", i)
	}
	p.solution(s)
}

func (p *parser) load(l Load) {
	if l.Users < 0 || l.Users == 1 || l.Users > 200 {
		p.add(p.line("load", "users"), "write users: 2 to 200", "%d users", l.Users)
	}
	if l.Rate < 0 || l.Rate > 200 {
		p.add(p.line("load", "rate"), "write rate: 1 to 200", "rate %d", l.Rate)
	}
}

func (p *parser) needs(n Needs) {
	p.known(n.Targets, targets, "target", "needs", "targets")
	p.known(n.Services, services, "service", "needs", "services")
	p.known(n.Alone, services, "service", "needs", "alone")
	if n.Chatd < 0 {
		p.add(p.line("needs", "chatd"), "write how many chat servers there must be", "%d chat servers", n.Chatd)
	}
}

// known notes the words of a list of the file that are none of a vocabulary.
func (p *parser) known(words, vocabulary []string, what string, path ...any) {
	for i, word := range words {
		if !slices.Contains(vocabulary, word) {
			p.add(p.line(append(path, i)...), oneOf(word, vocabulary), "unknown %s %q", what, word)
		}
	}
}

func (p *parser) faults(s *Scenario) {
	if len(s.Faults) == 0 {
		p.add(p.line("faults"), "write faults: with a list of what is broken", "there are no faults")
	}
	for i, f := range s.Faults {
		k, ok := kindOf(f.Kind)
		if !ok {
			p.add(p.line("faults", i, "kind"), oneOf(f.Kind, KindNames()), "unknown fault %q", f.Kind)
			continue
		}
		p.fields(i, k)
		p.values(i, f)
	}
}

// fields notes those that a kind of fault needs and that lack, and those that it does
// not take.
func (p *parser) fields(i int, k kind) {
	for _, name := range k.needs {
		if !p.has(name, "faults", i) {
			p.add(p.line("faults", i), "add "+name+":", "the fault %s needs %s", k.name, name)
		}
	}
	for _, name := range []string{"service", "node", "set", "crash", "setting", "of", "port", "days", "mode", "percent", "ms", "kbit", "offset"} {
		if p.has(name, "faults", i) && !slices.Contains(k.needs, name) && !slices.Contains(k.optional, name) {
			p.add(p.line("faults", i, name), "remove it; it takes "+strings.Join(append(slices.Clone(k.needs), k.optional...), ", "),
				"the fault %s takes no %s", k.name, name)
		}
	}
}

func (p *parser) values(i int, f Fault) {
	if f.Service != "" && !slices.Contains(services, f.Service) {
		p.add(p.line("faults", i, "service"), oneOf(f.Service, services), "unknown service %q", f.Service)
	}
	if f.Of != "" && !slices.Contains(services, f.Of) {
		p.add(p.line("faults", i, "of"), oneOf(f.Of, services), "unknown service %q", f.Of)
	}
	if _, err := strconv.ParseUint(f.Mode, 8, 12); f.Mode != "" && err != nil {
		p.add(p.line("faults", i, "mode"), `write an octal number in quotes, as "0500"`, "mode %q", f.Mode)
	}
	for _, number := range []struct {
		key      string
		is, most int
	}{{"percent", f.Percent, 100}, {"ms", f.Millis, 60000}, {"kbit", f.Kbit, 10000000}, {"port", f.Port, 65535}, {"days", f.Days, 3650}} {
		if p.has(number.key, "faults", i) && (number.is < 1 || number.is > number.most) {
			p.add(p.line("faults", i, number.key), "write 1 to "+strconv.Itoa(number.most), "%s %d", number.key, number.is)
		}
	}
}
