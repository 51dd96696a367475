// Package zabbix describes the lab's Zabbix templates, and writes them as XML
// and as tables for people. `make templates` writes zabbix/templates; a test
// holds that the files are generated from this description.
//
// The XML has the form of Zabbix 5.0, which 5.0 and all later servers import:
// they convert it, applications to tags, functions to their newer form.
//
// Rules that the tests hold: a threshold, a period and an interval is a macro;
// a trigger has a severity and a scope; one fault raises one alarm, so what
// follows from another fault depends on its trigger, and the cause's period is
// the shorter one; keys that begin with chatlab. are healthd's, all other keys
// of agents mean the same in every release of Zabbix's agents.
package zabbix

// Template is one template.
type Template struct {
	Name, Description string
	Items             []Item
	Rules             []Rule
	Triggers          []Trigger
	Macros            []Macro
}

// Item is an item, or a prototype of one.
type Item struct {
	Name, Key   string
	Type        string // "" is ZABBIX_PASSIVE
	Delay       string // none for DEPENDENT
	ValueType   string // "" is UNSIGNED
	Units       string
	Group       string // application, or since 5.4 a tag
	Description string
	ValueMap    *ValueMap
	Master      string // key of the master item
	URL         string
	Formula     string // of a calculated item, of items of its own host
	Steps       []Step
	History     string // "" is the default
	Trends      string
}

// Step is one step of preprocessing.
type Step struct {
	Type, Params string
}

// Rule is a rule of low-level discovery.
type Rule struct {
	Name, Key, Delay, Description string
	Lost                          string // how long what is not discovered any more is kept; "" is 7d
	Filter                        []Condition
	Items                         []Item
	Triggers                      []Trigger
}

// Condition lets those pass whose macro matches, or does not match, an
// expression.
type Condition struct {
	Macro, Expression string
	Not               bool
}

// Trigger is a trigger, or a prototype of one. In its expression {:key.func()}
// stands for an item of the template; After names triggers of the same
// template, which this one depends on.
type Trigger struct {
	Name, Expression, Severity string
	Scope                      string // tag: availability, performance, capacity, notice, security
	Description                string // what it means
	Look                       string // what to look at
	Run                        string // the command that shows more
	After                      []string
}

// Macro is a user macro with its default.
type Macro struct {
	Name, Value, Description string
}

// ValueMap names the values of an item.
type ValueMap struct {
	Name     string
	Mappings [][2]string
}

// Types of items, of values, and severities, as the XML has them.
const (
	HTTPAgent  = "HTTP_AGENT"
	Dependent  = "DEPENDENT"
	Internal   = "INTERNAL"
	Calculated = "CALCULATED"

	Float = "FLOAT"
	Char  = "CHAR"
	Text  = "TEXT"

	Warning = "WARNING"
	Average = "AVERAGE"
	High    = "HIGH"
)

// Macro returns a macro's default, "" where the template has none of that name.
func (t Template) Macro(name string) string {
	for _, m := range t.Macros {
		if m.Name == name {
			return m.Value
		}
	}
	return ""
}

// Templates returns all templates.
func Templates() []Template {
	return []Template{node(), auth(), chat(), log(), database(), cluster()}
}

var upDown = &ValueMap{"Chatlab up", [][2]string{{"0", "down"}, {"1", "up"}}}

var available = &ValueMap{"Chatlab agent availability", [][2]string{{"0", "not available"}, {"1", "available"}, {"2", "unknown"}}}

var yesNo = &ValueMap{"Chatlab yes or no", [][2]string{{"0", "no"}, {"1", "yes"}}}

// unchanged keeps a value only when it has changed, or an hour has passed.
var unchanged = Step{"DISCARD_UNCHANGED_HEARTBEAT", "1h"}

var perSecond = Step{"CHANGE_PER_SECOND", ""}

// bits make bits a second of a counter of bytes.
var bits = []Step{perSecond, {"MULTIPLIER", "8"}}
