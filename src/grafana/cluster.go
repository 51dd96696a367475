package grafana

import "regexp"

// onlyOne is said where there is nothing to show: a lab with one of each.
const onlyOne = "one of each"

// cluster shows what several machines serve together. A lab with one of each has
// but one chat log, whose one server leads.
func cluster() Dashboard {
	return dashboard(clusterUID, "Cluster", "What several machines serve together: is anything missing, before the service is?", everyHost, rows(
		tiles(0, 4, answering(5, "Auth servers"), answering(5, "Chat servers"), answering(5, "Log servers"), databaseMembers(5), replicas(4)),
		tiles(4, 7, lossAlarms(24)),
		tiles(11, 8,
			graph(text{"Members answering", "Of each service; the dashed lines are how many there should be.", onlyOne}, wide(12), counts("members"),
				line{item: "Auth servers: answering", name: "auth", color: blue}, line{item: "Chat servers: answering", name: "chat", color: green},
				line{item: "Log servers: answering", name: "log", color: purple}, line{item: "Auth servers: expected", name: "auth, expected", color: blue, dash: true},
				line{item: "Chat servers: expected", name: "chat, expected", color: green, dash: true},
				line{item: "Log servers: expected", name: "log, expected", color: purple, dash: true}).atLeast(3),
			states(text{"Chat log leader", "The server that orders all lines, over time.", "no metrics"}, wide(12),
				words("no metrics", [3]string{"0", "follows", grey}, [3]string{"1", "leads", green}), line{item: "chatd: leads the log"})),
		tiles(19, 8,
			graph(text{"Chat log replicas", "That have all lines, as each server knows it; the dashed line is how many should.", "no metrics"}, wide(8), counts("replicas"),
				line{item: "chatd: replicas that have all", color: green}, line{item: "chatd: replicas that should have all", color: grey, dash: true}).atLeast(3),
			graph(text{"Replica lag", "Lines that a replica lacks: The replica furthest behind; beyond the dashed line a problem is raised.", "no metrics"}, wide(8), counts("lines"),
				line{item: "chatd: lines that a replica lacks", color: blue}).
				limited(above(limit(chatT, "{$CHAT.LOG.LAG.MAX}"), red)).atLeast(10),
			states(text{"Chat log quorum", "Whether each server is in touch with the larger part of them.", "no metrics"}, wide(8),
				words("no metrics", [3]string{"0", "no quorum", red}, [3]string{"1", "stores", green}), line{item: "chatd: the log stores lines"})),
		tiles(27, 8,
			graph(text{"Database cluster members", "That reach each other, as each knows it; the dashed line is how many there should be.", onlyOne}, wide(8), counts("members"),
				line{item: "Database cluster: members", color: green}, line{item: "Database cluster: members expected", color: grey, dash: true}).atLeast(3),
			states(text{"Database cluster state", "Of each member: Synced is well.", onlyOne}, wide(8), galeraWords(), line{item: "Database cluster: state"}),
			states(text{"Database cluster quorum", "Whether each member reaches the larger part; one that does not refuses all queries.", onlyOne}, wide(8),
				words(onlyOne, [3]string{"0", "no quorum", red}, [3]string{"1", "quorum", green}), line{item: "Database cluster: quorum"})),
		tiles(35, 8,
			graph(text{"Receive queue", "Changes of other members that each has not made yet; beyond the dashed line a problem is raised.", onlyOne}, wide(12), counts("changes"),
				line{item: "Database cluster: receive queue"}).limited(above(limit(databaseT, "{$GALERA.QUEUE.MAX}"), red)).atLeast(10),
			graph(text{"Flow control", "Time for which each member waited for slower ones; beyond the dashed line a problem is raised.", onlyOne}, wide(12), "percent",
				line{item: "Database cluster: time that it waited"}).limited(above(limit(databaseT, "{$GALERA.PAUSED.MAX}"), red)).atLeast(10)),
	)...)
}

// answering is how many members of a service answer, beside how many there should be.
func answering(w int, title string) Panel {
	p := figure(text{title, "How many answer, of how many there should be.", onlyOne}, wide(w), counts("members"),
		someOrNone(), line{item: title + ": answering", name: "answer"}, line{item: title + ": expected", name: "expected"})
	return calm(p.decimals(0))
}

// someOrNone is red for none: whether some are too few is Zabbix's to say.
func someOrNone() *Thresholds { return marks(red, mark{1, blue}) }

func databaseMembers(w int) Panel {
	p := figure(text{"Database cluster", "Members that reach each other, as each knows it.", onlyOne}, wide(w), counts("members"),
		someOrNone(), line{item: "Database cluster: members"})
	return calm(p.decimals(0)).perHost()
}

func replicas(w int) Panel {
	p := figure(text{"Chat log", "Replicas that have all lines, as each server knows it.", noData}, wide(w), counts("replicas"),
		someOrNone(), line{item: "chatd: replicas that have all"})
	return calm(p.decimals(0)).perHost()
}

// calm is for a figure whose absence is no fault.
func calm(p Panel) Panel {
	options, _ := p.Options.(map[string]any)
	options["textMode"] = "value_and_name"
	options["graphMode"] = "none"
	return p
}

// perHost has a row for each host.
func (p Panel) perHost() Panel { return p.byField("host", "max") }

// lossAlarms are the problems of a lost redundancy.
func lossAlarms(w int) Panel {
	p := alarms(text{"Open problems", "A redundancy or a quorum that is lost, a member that falls behind. Empty is well.", "none"}, wide(w), everyHost)
	p.Targets[0].Trigger = Filter{"/Redundancy lost|quorum|^No .* answers$|chat log|database cluster|cluster$/"}
	return p
}

func galeraWords() []Mapping {
	return words(onlyOne, [3]string{"0", "Initialized", red}, [3]string{"1", "Joining", orange}, [3]string{"2", "Donor/Desynced", orange},
		[3]string{"3", "Joined", orange}, [3]string{"4", "Synced", green})
}

// states is history for other words than up and down, one row for each host.
func states(t text, at Box, mappings []Mapping, l line) Panel {
	p := history(t, at, l)
	p.FieldConfig.Defaults.Mappings = mappings[:1]
	p.Transformations = []Transform{{"renameByRegex", map[string]any{"regex": "^(?:(.+?)(?: services)?: )?" + regexp.QuoteMeta(l.item) + "$", "renamePattern": "$1"}}}
	return p
}
