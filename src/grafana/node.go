package grafana

// node shows everything of one machine.
func node() Dashboard {
	d := dashboard(nodeUID, "Node", "Everything of one machine.", "/^${node}( services)?$/", rows(
		tiles(0, 4, nodeTiles()...),
		tiles(4, 8, nodeCPU()...),
		tiles(12, 8, nodeSpace()...),
		tiles(20, 8, nodeNetwork()...),
		tiles(28, 7, nodeServices()...),
		tiles(35, 8, alarms(text{"Open problems", "Of this machine and of what it serves. Empty is well.", "none"}, wide(24), "/^${node}( services)?$/")),
		tiles(43, 7,
			graph(text{"Free inodes", "Of each file system.", "no values"}, wide(6), "percent",
				line{item: "/^Disk .*: free inodes in %$/", host: thisNode}).percent().limited(marks(green, mark{limit(nodeT, "{$NODE.FS.INODES.MIN}"), red})),
			graph(text{"Disk forecast", "Use of each file system in a day, if it grows as in the last hours. Above 100 it is full before.", "no values"}, wide(6), "percent",
				line{item: "/^Disk .*: use expected in a day$/", host: thisNode}).limited(marks(green, mark{limit(nodeT, "{$NODE.FS.MAX}"), red})),
			graph(text{"Disk I/O", "Reads and writes of all block devices.", "no values"}, wide(6), rate,
				line{item: "Disk I/O: reads", name: "reads", color: blue, host: thisNode}, line{item: "Disk I/O: writes", name: "writes", color: orange, host: thisNode}).atLeast(10),
			graph(text{"Processes", "Processes of the machine, at work or not.", "no values"}, wide(6), counts("processes"), line{item: "System: processes", name: "processes", color: blue, host: thisNode})),
	)...)
	d.Templating.List = append(d.Templating.List, nodes())
	return d
}

func nodeTiles() []Panel {
	agent := upTile("Agent", "Whether Zabbix reaches the node's agent.", wide(4), line{item: "Agent: availability", host: thisNode}, "")
	agent.FieldConfig.Defaults.Mappings = agentWords()
	plain := func(title, says, unit string, limits *Thresholds, item string) Panel {
		p := figure(text{title, says, noData}, wide(4), unit, limits, line{item: item, host: thisNode})
		return p
	}
	uptime := plain("Uptime", "Time since the machine booted.", "dtdurations", marks(blue), "System: uptime")
	options, _ := uptime.Options.(map[string]any)
	options["graphMode"] = "none"
	return []Panel{
		agent, uptime,
		plain("CPU now", "Use of all processors.", "percent", busy(limit(nodeT, "{$NODE.CPU.MAX}")), "CPU: use").decimals(0),
		plain("Load now", "Load average of five minutes, for each processor.", counts("processes"), busy(limit(nodeT, "{$NODE.LOAD.MAX}")), "CPU: load avg5 for each CPU").decimals(2),
		plain("Memory now", "Memory in use.", "percent", busy(100-limit(nodeT, "{$NODE.MEMORY.MIN}")), "Memory: use in %").decimals(0),
		plain("Swap free", "0 where there is none.", "bytes", marks(blue), "Swap: free").decimals(0),
	}
}

func nodeCPU() []Panel {
	at := func(item, name, color string) line { return line{item: item, name: name, color: color, host: thisNode} }
	return []Panel{
		graph(text{"CPU", "What the processors do when they are not idle; in all, with what runs at a low priority.", "no values"}, wide(12), "percent",
			at("CPU: use", "in all", green), at("CPU: user", "user", blue), at("CPU: system", "system", orange), at("CPU: iowait", "waiting for disks", red)).
			percent().limited(above(limit(nodeT, "{$NODE.CPU.MAX}"), red)),
		graph(text{"Load", "Processes that run or wait to, on average, for each processor; the dashed line raises a problem.", "no values"}, wide(12), counts("processes"),
			at("CPU: load avg1 for each CPU", "1 minute", blue), at("CPU: load avg5 for each CPU", "5 minutes", purple), at("CPU: load avg15 for each CPU", "15 minutes", grey)).limited(above(limit(nodeT, "{$NODE.LOAD.MAX}"), red)).atLeast(1),
	}
}

func nodeSpace() []Panel {
	return []Panel{
		graph(text{"Memory", "Memory in use.", "no values"}, wide(12), "percent", line{item: "Memory: use in %", name: "in use", color: blue, host: thisNode}).
			percent().limited(above(100-limit(nodeT, "{$NODE.MEMORY.MIN}"), red)),
		graph(text{"Disks", "Use of each file system.", "no values"}, wide(12), "percent", line{item: "/^Disk .*: use in %$/", host: thisNode}).
			percent().limited(marks(green, mark{limit(nodeT, "{$NODE.FS.WARN}"), orange}, mark{limit(nodeT, "{$NODE.FS.MAX}"), red})),
	}
}

func nodeNetwork() []Panel {
	traffic := graph(text{"Network", "Received above the line, sent below it, of each interface.", "no values"}, wide(12), "bps",
		line{item: "/^Network .*: received$/", host: thisNode}, line{item: "/^Network .*: sent$/", host: thisNode})
	// The names are shortened before they are looked for.
	traffic.FieldConfig.Defaults.Min = nil
	traffic.FieldConfig.Overrides = []Override{{Matcher{"byRegexp", "/ sent$/"}, []Property{{"custom.transform", "negative-Y"}}}}
	traffic.FieldConfig.Defaults.Custom["axisCenteredZero"] = false
	faults := graph(text{"Network errors and drops", "Of each interface; point at a line to see whose it is. Nothing is well.", "no values"}, wide(12), rate,
		line{item: "/^Network .*: errors (received|sent)$/", host: thisNode}, line{item: "/^Network .*: dropped (received|sent)$/", host: thisNode}).
		limited(above(limit(nodeT, "{$NODE.NET.ERRORS.MAX}"), red)).atLeast(limit(nodeT, "{$NODE.NET.ERRORS.MAX}"))
	return []Panel{short(traffic), short(faults).bare()}
}

// short leaves out of the legend what the title says.
func short(p Panel) Panel {
	p.Transformations = append(p.Transformations, Transform{"renameByRegex", map[string]any{"regex": "^(?:Network|Disk) (.+): (.+)$", "renamePattern": "$1 $2"}})
	return p
}

func nodeServices() []Panel {
	return []Panel{
		history(text{"Services", "The services of this machine: green is up, red is down.", "it serves nothing"}, wide(8),
			line{item: "/^(Auth server|Chat server|Log server|MariaDB|MongoDB): up$/", host: thisServices}),
		graph(text{"CPU of the services", "Percent of one processor.", "it serves nothing"}, wide(8), "percent",
			line{item: "/^(authd|chatd|logd|authd's logger|chatd's logger): CPU$/", host: thisServices}).atLeast(10),
		graph(text{"Memory of the services", "Resident memory.", "it serves nothing"}, wide(8), "bytes",
			line{item: "/^(authd|chatd|logd|authd's logger|chatd's logger): memory$/", host: thisServices}),
	}
}
