package grafana

// overview answers on one page whether the lab is well, and if not, where.
func overview() Dashboard {
	services := line{item: "/^(Auth server|Chat server|Log server|MariaDB|MongoDB): up$/"}
	return dashboard(overviewUID, "Overview", "Is the lab well, and if not, where?", everyHost, rows(
		tiles(0, 3, authTile(4, authUID), mariadbTile(4, authUID), chatTile(4, chatUID), logTile(4, eventsUID), mongodbTile(4, eventsUID),
			certificateTile(4, eventsUID)),
		tiles(3, 8, alarms(text{"Open problems", "What Zabbix has raised and not found over, the worst first. Empty is well.", "none"}, wide(24), everyHost)),
		tiles(11, 8,
			history(text{"What was up", "Each service, and the agent of each node: green is up, red is down.", "nothing known"}, wide(12),
				services, line{item: "Agent: availability"}).to(clusterUID)),
		shifted(12, tiles(11, 4, loginFigure(6, authUID), roundtripFigure(6, chatUID))),
		shifted(12, tiles(15, 4, lagFigure(6, eventsUID), backlogFigure(6, eventsUID))),
		tiles(19, 6, nodeFigures()...),
	)...)
}

// nodeFigures are the five figures of every node, side by side.
func nodeFigures() []Panel {
	agent := perNode(text{"Agent", "Whether Zabbix reaches the agent of each node.", "no answer"}, wide(4), "", marks(red), line{item: "Agent: availability"})
	agent.FieldConfig.Defaults.Mappings = agentWords()
	const memory = "Memory: use in %"
	full := 100 - limit(nodeT, "{$NODE.MEMORY.MIN}")
	list := []Panel{
		agent,
		perNode(text{"CPU", "Use of all processors of each node.", "no values"}, wide(5), "percent",
			busy(limit(nodeT, "{$NODE.CPU.MAX}")), line{item: "CPU: use"}).decimals(0),
		perNode(text{"Memory", "Memory in use on each node.", "no values"}, wide(5), "percent", busy(full), line{item: memory}).decimals(0),
		sumPerNode(text{"Disk", "The fullest file system of each node.", "no values"}, wide(5), "percent", "max",
			marks(green, mark{limit(nodeT, "{$NODE.FS.WARN}"), orange}, mark{limit(nodeT, "{$NODE.FS.MAX}"), red}), line{item: "/^Disk .*: use in %$/"}).decimals(0),
		sumPerNode(text{"Network", "Received and sent on all interfaces of each node.", "no values"}, wide(5), "bps", "sum",
			marks(blue), line{item: "/^Network .*: (received|sent)$/"}).decimals(1),
	}
	for n := range list {
		list[n].TimeFrom, list[n].HideTimeOverride = freshSlow, true
	}
	return list
}

// busy is orange some way before the limit, which is red.
func busy(limit float64) *Thresholds {
	return marks(green, mark{limit * 5 / 6, orange}, mark{limit, red})
}
