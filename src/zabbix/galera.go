package zabbix

// NoQuorum is what a member of the database cluster raises that does not reach the
// larger part of it. It follows from nothing: a member that does not answer raises
// nothing here, as the auth server's template says that MariaDB is down.
const NoQuorum = "The database cluster has no quorum here"

// DatabaseLost is what the first of the members that reach each other raises, for
// all of them, while one lacks.
var DatabaseLost = lost("members of the database cluster are there")

var galeraState = &ValueMap{"Chatlab state of a cluster's member", [][2]string{
	{"0", "Initialized"}, {"1", "Joining"}, {"2", "Donor/Desynced"}, {"3", "Joined"}, {"4", "Synced"}}}

// database watches one member of a Galera cluster.
func database() Template {
	const group = "Database cluster"
	value := func(name, key, field string, names *ValueMap, says string, more ...Step) Item {
		return Item{Name: "Database cluster: " + name, Key: "galera." + key, Type: Dependent, Master: "chatlab.galera", ValueType: Float, Group: group,
			ValueMap: names, Description: says, Steps: append([]Step{{"JSONPATH", "$." + field}}, more...)}
	}
	paused := value("time that it waited", "paused", "paused_ns", nil, "For slower members: wsrep_flow_control_paused_ns.", perSecond, Step{"MULTIPLIER", "0.0000001"})
	paused.Units = "%"
	counted := func(i Item, units string) Item { i.Units = units; return i }
	const answers = " and {:galera.answers.last()}=1"
	const speaks = " and {:galera.first.last()}=1"
	return Template{
		Name:        "Chatlab database cluster",
		Description: "A MariaDB that is a member of a Galera cluster, through healthd on its machine: whom it reaches, whether they are the larger part, whether it has all data. Link it to a host whose agent interface is healthd's (port 10060).",
		Items: []Item{
			{Name: "Database cluster: all values", Key: "chatlab.galera", Delay: "{$CHATLAB.DELAY}", ValueType: Text, History: "1h", Group: group,
				Description: "What the other values are taken from."},
			value("members", "size", "size", nil, "That reach each other, this one too: wsrep_cluster_size."),
			value("members expected", "expected", "expected", nil, "How many the inventory names."),
			value("answers", "answers", "answers", yesNo, "Whether this machine's MariaDB answers at all."),
			value("quorum", "primary", "primary", yesNo, "Whether those members are the larger part of all: wsrep_cluster_status is Primary."),
			value("speaks for the others", "first", "first", yesNo, "One of them raises what all would: wsrep_local_index is 0."),
			value("ready", "ready", "ready", yesNo, "Whether it takes queries: wsrep_ready."),
			value("state", "state", "state", galeraState, "wsrep_local_state, by the words of wsrep_local_state_comment."),
			counted(value("receive queue", "queue", "queue", nil, "Changes of others that it has not made yet: wsrep_local_recv_queue."), "!changes"),
			paused,
		},
		Triggers: []Trigger{
			{Name: NoQuorum, Expression: "{:galera.primary.max({$CHATLAB.DB.PERIOD})}=0" + answers, Severity: High, Scope: "availability",
				Description: "This member reaches fewer than the larger part of its cluster, and refuses all queries.",
				Look:        "Database cluster on the Cluster dashboard: which members are away, or is it the network?", Run: "lab logs mariadb"},
			{Name: DatabaseLost, Expression: "{:galera.size.max({$CHATLAB.UP.PERIOD})}<{:galera.expected.last()}" + speaks, Severity: Average, Scope: "availability",
				After: []string{NoQuorum}, Description: "The others serve, but one more away may be too many. The problems of the machines say which lacks.",
				Look: "Database cluster state on the Cluster dashboard: is one away, or being brought up to date?", Run: "lab logs mariadb"},
			{Name: "MariaDB has not all data of its cluster", Expression: "{:galera.ready.max({$CHATLAB.PERIOD})}=0" + answers, Severity: Average, Scope: "availability",
				After: []string{NoQuorum}, Description: "It is being brought up to date, or cannot be.",
				Look: "Database cluster state on the Cluster dashboard: it must reach Synced.", Run: "lab logs mariadb@{$LAB.NODE}"},
			{Name: "MariaDB falls behind its cluster", Expression: "{:galera.queue.min({$CHATLAB.PERIOD})}>{$GALERA.QUEUE.MAX}", Severity: Warning, Scope: "performance",
				After:       []string{NoQuorum},
				Description: "Changes of the other members come faster than this one makes them.",
				Look:        "Receive queue on the Cluster dashboard, CPU and Disk I/O of this node.", Run: "lab logs mariadb@{$LAB.NODE}"},
			{Name: "The database cluster waits for a slow member", Expression: "{:galera.paused.min({$CHATLAB.PERIOD})}>{$GALERA.PAUSED.MAX}", Severity: Warning, Scope: "performance",
				After:       []string{"MariaDB falls behind its cluster"},
				Description: "A slower member makes all others wait: sign-ups and sign-ins become slow.",
				Look:        "Receive queue on the Cluster dashboard: the member with the longest is the slow one.", Run: "lab logs mariadb"},
		},
		Macros: append(some([]string{"{$CHATLAB.DELAY}", "{$CHATLAB.DB.PERIOD}", "{$CHATLAB.UP.PERIOD}", "{$CHATLAB.PERIOD}"},
			Macro{"{$GALERA.QUEUE.MAX}", "100", "Changes of others that wait to be made"},
			Macro{"{$GALERA.PAUSED.MAX}", "10", "Time spent waiting for slower members, %"}), nodeMacro),
	}
}
