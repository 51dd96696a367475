// Package scenario is the format of incidents: a YAML file says which faults are made,
// what users feel, what a person is asked, and how the lab is repaired. It reads such
// files, names each mistake with its line and fix, and holds the embedded ones. It knows
// nothing of a running lab. docs/writing-incidents.md describes the format.
package scenario

import (
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Scenario is one incident that can be played.
type Scenario struct {
	Name string `yaml:"-"` // of the file, without its end

	Title    string   `yaml:"title"`   // not shown while it is played
	Level    int      `yaml:"level"`   // 1 to 3
	Minutes  int      `yaml:"minutes"` // that a person needs
	Story    string   `yaml:"story"`
	Needs    Needs    `yaml:"needs"`
	Faults   []Fault  `yaml:"faults"`
	Load     Load     `yaml:"load"`
	Symptoms Symptoms `yaml:"symptoms"`
	Hints    []string `yaml:"hints"`
	Question string   `yaml:"question"`
	Answers  []Answer `yaml:"answers"`
	Repaired []string `yaml:"repaired"` // checks, as `lab check` takes them; empty: all
	Solution []Step   `yaml:"solution"`
	Debrief  string   `yaml:"debrief"`
}

// Needs says what a lab must have.
type Needs struct {
	Targets  []string `yaml:"targets"`  // where it can run; empty: everywhere
	Services []string `yaml:"services"` // beside those of the faults
	Alone    []string `yaml:"alone"`    // services that the lab must have once: several hide the fault
	Chatd    int      `yaml:"chatd"`    // chat servers, at least
}

// Fault is one thing that is broken. Which fields it takes depends on its kind.
type Fault struct {
	Kind    string         `yaml:"kind"`
	Service string         `yaml:"service"`
	Node    string         `yaml:"node"` // empty: the first node that carries the service
	Set     map[string]any `yaml:"set"`
	Crash   bool           `yaml:"crash"`   // the service cannot start with these settings
	Setting string         `yaml:"setting"` // that holds addresses
	Of      string         `yaml:"of"`      // the service whose addresses they are
	Port    int            `yaml:"port"`
	Days    int            `yaml:"days"` // since the certificate ended
	Mode    string         `yaml:"mode"` // permissions, in octal
	Percent int            `yaml:"percent"`
	Millis  int            `yaml:"ms"`
	Kbit    int            `yaml:"kbit"`
	Offset  time.Duration  `yaml:"offset"`
}

// Load is what the simulated users do.
type Load struct {
	Users int `yaml:"users"` // 0: 6
	Rate  int `yaml:"rate"`  // lines a second, all together; 0: 6
}

// Symptoms must show before the lab is repaired.
type Symptoms struct {
	Checks []string `yaml:"checks"` // of each at least one fails
	Users  []string `yaml:"users"`  // chat, sign-in, events: slow or failing
	Alarms []string `yaml:"alarms"` // parts of the names of Zabbix's problems, where the lab has Zabbix
}

// Answer is one cause, which a person names by a part and a kind.
type Answer struct {
	Part Words `yaml:"part"` // a service, or a node
	Kind Words `yaml:"kind"`
}

// Step is one command of the solution.
type Step struct {
	Run string   `yaml:"run"` // a POSIX shell runs it on the controller; `lab` means the same lab
	On  []string `yaml:"on"`  // targets; empty: all
}

// Words is one word, or a list of which any will do.
type Words []string

// UnmarshalYAML takes a word or a list of words.
func (w *Words) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.SequenceNode {
		return n.Decode((*[]string)(w))
	}
	var one string
	err := n.Decode(&one)
	*w = Words{one}
	return err
}

// Right reports whether a part and a kind name this cause. Capitals do not matter, and
// chatd@chat is chatd.
func (a Answer) Right(part, kind string) bool {
	service, node, _ := strings.Cut(strings.ToLower(part), "@")
	has := func(words Words, word string) bool { return word != "" && slices.Contains(words, word) }
	return (has(a.Part, service) || has(a.Part, node)) && has(a.Kind, strings.ToLower(kind))
}

// Users returns the number of simulated users.
func (s *Scenario) Users() int { return or(s.Load.Users, 6) }

// Rate returns the lines a second of all users together.
func (s *Scenario) Rate() int { return or(s.Load.Rate, 6) }

// StepsOn returns the commands of the solution for a target.
func (s *Scenario) StepsOn(target string) (steps []string) {
	for _, step := range s.Solution {
		if len(step.On) == 0 || slices.Contains(step.On, target) {
			steps = append(steps, step.Run)
		}
	}
	return steps
}

func or(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}
