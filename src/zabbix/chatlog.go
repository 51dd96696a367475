package zabbix

// chatlog are the values of the log that the chat servers share; one has it alone.
func chatlog(d daemon) []Item {
	leads := d.value("leads the log", "log.leader", "chatlab_chatlog_leader", "")
	stores := d.value("the log stores lines", "log.quorum", "chatlab_chatlog_quorum", "")
	peersBad := d.value("peers file cannot be used", "log.peers.bad", "chatlab_chatlog_peers_bad", "")
	leads.ValueMap, stores.ValueMap, peersBad.ValueMap = yesNo, yesNo, yesNo
	return []Item{
		d.value("servers of the log", "log.members", "chatlab_chatlog_members", "!servers"),
		d.value("servers of the log that should be there", "log.members.expected", "chatlab_chatlog_members_expected", "!servers"),
		leads, stores, peersBad,
		d.value("replicas that have all", "log.replicas", "chatlab_chatlog_replicas_current", ""),
		d.value("replicas that should have all", "log.replicas.expected", "chatlab_chatlog_replicas_expected", ""),
		d.value("lines that a replica lacks", "log.lag", "chatlab_chatlog_replica_lag", "!lines"),
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
			Description: "Fewer than the larger part of its servers reach each other: no line is accepted.",
			Look:        "Chat log quorum and Chat log replicas on the Cluster dashboard: which servers are away, or is it the network?", Run: "lab status"},
		{Name: ChatLogLost, Expression: "{:chatd.log.replicas.max({$CHAT.LOG.REPLICAS.PERIOD})}<{:chatd.log.replicas.expected.last()}" + leads,
			Severity: Average, Scope: "availability", After: []string{halts},
			Description: "The chat goes on, but one more server away may be too many.",
			Look:        "Replica lag on the Cluster dashboard: is a server away, or does it catch up?", Run: "lab logs chatd"},
		{Name: "A replica of the chat log falls behind", Expression: "{:chatd.log.lag.min({$CHATLAB.PERIOD})}>{$CHAT.LOG.LAG.MAX}" + leads,
			Severity: Warning, Scope: "performance", After: []string{ChatLogLost},
			Description: "It is there, but slower than lines come.",
			Look:        "CPU and Disk I/O on the Node dashboard of the server that is behind.", Run: "lab logs chatd"},
		{Name: "The chat server cannot use its peers file", Expression: "{:chatd.log.peers.bad.min({$CHATLAB.PERIOD})}=1",
			Severity: High, Scope: "security", After: []string{down},
			Description: "The names that it read before are in force: a server that was removed may still join.",
			Look:        "chatd's log: what is wrong with the file?", Run: "lab logs chatd"},
	}
}
