package zabbix

// chatlog are the values of the log that the chat servers share; one has it alone.
func chatlog(d daemon) []Item {
	leads := d.value("leads the log", "log.leader", "chatlab_chatlog_leader", "")
	stores := d.value("the log stores lines", "log.quorum", "chatlab_chatlog_quorum", "")
	leads.ValueMap, stores.ValueMap = yesNo, yesNo
	return []Item{
		d.value("servers of the log", "log.members", "chatlab_chatlog_members", ""),
		d.value("servers of the log that should be there", "log.members.expected", "chatlab_chatlog_members_expected", ""),
		leads, stores,
		d.value("replicas that have all", "log.replicas", "chatlab_chatlog_replicas_current", ""),
		d.value("replicas that should have all", "log.replicas.expected", "chatlab_chatlog_replicas_expected", ""),
		d.value("lines that a replica lacks", "log.lag", "chatlab_chatlog_replica_lag", ""),
	}
}

// ChatLogLost is what the server that leads the chat log raises while a replica
// lacks.
var ChatLogLost = lost("replicas of the chat log have all lines")

// chatlogTriggers tell of the redundancy that is lost before the service is. All
// servers know of all replicas; the one that leads speaks for them.
func chatlogTriggers(down string) []Trigger {
	const halts = "The chat log stores no lines"
	const leads = " and {:chatd.log.leader.last()}=1"
	return []Trigger{
		{Name: halts, Expression: "{:chatd.log.quorum.max({$CHAT.LOG.PERIOD})}=0", Severity: High, Scope: "availability", After: []string{down},
			Description: "Fewer than the larger part of its servers reach each other: start the others, or see the network."},
		{Name: ChatLogLost, Expression: "{:chatd.log.replicas.max({$CHAT.LOG.REPLICAS.PERIOD})}<{:chatd.log.replicas.expected.last()}" + leads,
			Severity: Average, Scope: "availability", After: []string{halts},
			Description: "The chat goes on, but one more server away may be too many: start what is not there, or see why it lacks lines."},
		{Name: "A replica of the chat log falls behind", Expression: "{:chatd.log.lag.min({$CHATLAB.PERIOD})}>{$CHAT.LOG.LAG.MAX}" + leads,
			Severity: Warning, Scope: "performance", After: []string{ChatLogLost},
			Description: "It is there, but slower than lines come."},
	}
}
