package zabbix

import "strings"

// lost is the name of the trigger of a redundancy that is lost. The two values are
// the first two of its expression.
func lost(what string) string { return "Redundancy lost: {ITEM.VALUE1} of {ITEM.VALUE2} " + what }

// Plain is a trigger's name for people: letters stand for the values that Zabbix
// puts in.
func Plain(name string) string {
	return strings.NewReplacer("{ITEM.VALUE1}", "N", "{ITEM.VALUE2}", "M").Replace(name)
}

// Pool is a service of which several machines may have a member.
type Pool struct {
	Service, Title string // as healthd's keys have it, and as people do
}

// Pools are those whose members the template of the cluster counts.
var Pools = []Pool{{"auth", "auth server"}, {"chat", "chat server"}, {"logd", "log server"}}

// None is raised while no member answers.
func (p Pool) None() string { return "No " + p.Title + " answers" }

// Lost is raised while some answer, and not all.
func (p Pool) Lost() string { return lost(p.Title + "s answer") }

func (p Pool) items() []Item {
	title := strings.ToUpper(p.Title[:1]) + p.Title[1:] + "s"
	return []Item{
		{Name: title + ": answering", Key: "chatlab.members[" + p.Service + "]", Delay: "{$CHATLAB.DELAY}", Group: title,
			Description: "How many serve on their own protocol and say that they are ready."},
		{Name: title + ": expected", Key: "chatlab.expected[" + p.Service + "]", Delay: "{$CHATLAB.DELAY.SLOW}", Group: title,
			Description: "How many the inventory names."},
	}
}

// triggers: that none is there is found sooner than that one lacks.
func (p Pool) triggers() []Trigger {
	answering := "{:chatlab.members[" + p.Service + "].max("
	return []Trigger{
		{Name: p.None(), Expression: answering + "{$CHATLAB.DB.PERIOD})}=0", Severity: High, Scope: "availability",
			Description: "The service is lost: no user is served. The problems of the machines say what each lacks.",
			Look:        "Members answering on the Cluster dashboard: since when, and did all go at once?", Run: "lab status"},
		{Name: p.Lost(), Expression: answering + "{$CHATLAB.UP.PERIOD})}<{:chatlab.expected[" + p.Service + "].last()}",
			Severity: Average, Scope: "availability", After: []string{p.None()},
			Description: "The others serve, but one more away may be too many. The problems of the machines say which lacks.",
			Look:        "Members answering on the Cluster dashboard; Availability on the overview names the machine.", Run: "lab status"},
	}
}

// cluster watches what several machines serve together, as one of them sees it. That
// its healthd is silent that machine's own host tells.
func cluster() Template {
	t := Template{
		Name:        "Chatlab cluster",
		Description: "What several machines serve together: how many of them answer. Link it to one host, whose agent interface is the healthd of the machine that Zabbix runs on (port 10060).",
		Macros:      some([]string{"{$CHATLAB.DELAY}", "{$CHATLAB.DELAY.SLOW}", "{$CHATLAB.DB.PERIOD}", "{$CHATLAB.UP.PERIOD}"}),
	}
	for _, p := range Pools {
		t.Items = append(t.Items, p.items()...)
		t.Triggers = append(t.Triggers, p.triggers()...)
	}
	return t
}
