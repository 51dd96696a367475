package grafana

// overview answers on one page whether the lab is well, and if not, where.
func overview() Dashboard {
	services := line{item: "/^(Auth server|Chat server|Log server|MariaDB|MongoDB): up$/"}
	return dashboard(overviewUID, "Overview", "Is the lab well, and if not, where?", everyHost, rows(
		tiles(0, 3, authTile(4, authUID), mariadbTile(4, authUID), chatTile(4, chatUID), logTile(4, eventsUID), mongodbTile(4, eventsUID),
			certificateTile(4, eventsUID)),
		tiles(3, 5, alarms(text{"Open problems", "Problems that Zabbix has raised and that are not over, the worst first. Empty is well.", "none"}, wide(14), everyHost),
			history(text{"Availability", "Each service, and the agent of each node: green is up, red is down.", "nothing known"}, wide(10),
				services, line{item: "Agent: availability"}).to(clusterUID)),
		tiles(8, 5, levels()...),
		tiles(13, 3, loginFigure(6, authUID), roundtripFigure(6, chatUID), lagFigure(6, eventsUID), backlogFigure(6, eventsUID)),
		tiles(16, 4, nodeFigures()...),
	)...)
}

// levels are the row of the service level.
func levels() []Panel {
	return []Panel{
		serviceLevel("Availability, last hour", "Share of the hour in which a user was served; a time without an answer of healthd is an outage.", "availability, last hour", promised(), 8),
		serviceLevel("Availability, last day", "Share of the day in which a user was served; a time without an answer of healthd is an outage.", "availability, last day", promised(), 8),
		serviceLevel("Error budget left", "Part of the outages that the promised availability allows a day and that is not used up; below 0 it is overspent.",
			"error budget left", marks(red, mark{0, orange}, mark{25, green}), 8),
	}
}

// nodeFigures are the five figures of every node, side by side.
func nodeFigures() []Panel {
	agent := perNode(text{"Agent", "Whether Zabbix reaches the agent of each node.", noData}, wide(4), "", "max", marks(grey), line{item: "Agent: availability"})
	agent.FieldConfig.Defaults.Mappings = agentWords()
	const memory = "Memory: use in %"
	full := 100 - limit(nodeT, "{$NODE.MEMORY.MIN}")
	return []Panel{
		agent,
		perNode(text{"CPU", "Use of all processors of each node.", noData}, wide(5), "percent", "max",
			busy(limit(nodeT, "{$NODE.CPU.MAX}")), line{item: "CPU: use"}).decimals(0),
		perNode(text{"Memory", "Memory in use on each node.", noData}, wide(5), "percent", "max", busy(full), line{item: memory}).decimals(0),
		perNode(text{"Disk", "The fullest file system of each node.", noData}, wide(5), "percent", "max",
			marks(green, mark{limit(nodeT, "{$NODE.FS.WARN}"), orange}, mark{limit(nodeT, "{$NODE.FS.MAX}"), red}), line{item: "/^Disk .*: use in %$/"}).decimals(0),
		perNode(text{"Network", "Received and sent on all interfaces of each node.", noData}, wide(5), "bps", "sum",
			marks(blue), line{item: "/^Network .*: (received|sent)$/"}).decimals(1),
	}
}

// busy is orange some way before the limit, which is red.
func busy(limit float64) *Thresholds {
	return marks(green, mark{limit * 5 / 6, orange}, mark{limit, red})
}
