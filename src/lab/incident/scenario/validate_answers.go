package scenario

import (
	"slices"
	"strings"
)

func (p *parser) symptoms(s Symptoms) {
	if len(s.Checks)+len(s.Users) == 0 {
		p.add(p.line("symptoms"), "write symptoms: with checks: that fail, or users: who feel it", "there is no symptom")
	}
	for i, glob := range s.Checks {
		p.check(glob, "symptoms", "checks", i)
	}
	p.known(s.Users, feelings, "feeling", "symptoms", "users")
}

// check notes a check that no lab has.
func (p *parser) check(glob string, path ...any) {
	if p.checks == nil {
		return
	}
	if near, ok := p.checks(glob); !ok {
		p.add(p.line(path...), "did you mean "+near+"? `lab check --list` shows all", "unknown check %q", glob)
	}
}

func (p *parser) answers(s *Scenario) {
	if len(s.Answers) == 0 {
		p.add(p.line("answers"), "write answers: with part: and kind:, one for each cause", "there is no answer")
	}
	for i, a := range s.Answers {
		if len(a.Part) == 0 || a.Part[0] == "" {
			p.add(p.line("answers", i), "add part: with a service or a node", "the answer names no part")
		}
		if len(a.Kind) == 0 {
			p.add(p.line("answers", i), "add kind: with one of "+strings.Join(KindWords, ", "), "the answer names no kind")
		}
		for _, word := range a.Kind {
			if !slices.Contains(KindWords, word) {
				p.add(p.line("answers", i, "kind"), oneOf(word, KindWords), "unknown kind %q", word)
			}
		}
	}
}

// solution notes a target without a command: a scenario that cannot be rehearsed there
// cannot be trusted there.
func (p *parser) solution(s *Scenario) {
	if len(s.Solution) == 0 {
		p.add(p.line("solution"), "write solution: with a list of run: COMMAND", "there is no solution")
		return
	}
	for i, step := range s.Solution {
		if strings.TrimSpace(step.Run) == "" {
			p.add(p.line("solution", i), "add run: with a command", "the step has no command")
		}
		p.known(step.On, targets, "target", "solution", i, "on")
	}
	where := s.Needs.Targets
	if len(where) == 0 {
		where = targets
	}
	for _, target := range where {
		if slices.Contains(targets, target) && len(s.StepsOn(target)) == 0 {
			p.add(p.line("solution"), "add a step for it, or leave it out of needs.targets", "there is no solution for target %s", target)
		}
	}
}
