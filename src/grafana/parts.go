package grafana

// What several dashboards show.

func authTile(w int, to string) Panel {
	return upTile("Auth server", "Whether it serves and says that it is ready.", wide(w), line{item: "Auth server: up"}, to)
}

func mariadbTile(w int, to string) Panel {
	return upTile("MariaDB", "Whether the user database answers.", wide(w), line{item: "MariaDB: up"}, to)
}

func chatTile(w int, to string) Panel {
	return upTile("Chat server", "Whether it serves and says that it is ready.", wide(w), line{item: "Chat server: up"}, to)
}

func logTile(w int, to string) Panel {
	return upTile("Log server", "Whether it takes events and says that it is ready.", wide(w), line{item: "Log server: up"}, to)
}

func mongodbTile(w int, to string) Panel {
	return upTile("MongoDB", "Whether the log database answers.", wide(w), line{item: "MongoDB: up"}, to)
}

func certificateTile(w int, to string) Panel {
	p := tile(text{"Certificates", "Days until the first certificate of the lab ends.", noData}, wide(w), line{item: "Certificates: days left"})
	p.FieldConfig.Defaults.Unit = "suffix: days"
	p.FieldConfig.Defaults.Thresholds = marks(red, mark{limit(logT, "{$LOG.CERT.MIN}"), orange}, mark{limit(logT, "{$LOG.CERT.WARN}"), green})
	return p.decimals(0).to(to)
}

func loginFigure(w int, to string) Panel {
	p := figure(text{"Sign-in", "How long a real sign-in takes, from connecting to the token.", noData}, wide(w), "ms",
		above(limit(authT, "{$AUTH.LOGIN.MAX}"), red), line{item: "Auth server: sign-in"})
	return p.decimals(0).to(to)
}

func roundtripFigure(w int, to string) Panel {
	p := figure(text{"Chat round trip", "From saying a line to its coming back, stored.", noData}, wide(w), "ms",
		above(limit(chatT, "{$CHAT.ROUNDTRIP.MAX}"), red), line{item: "Chat server: round trip"})
	return p.decimals(1).to(to)
}

func lagFigure(w int, to string) Panel {
	p := figure(text{"Event delay", "From an event's birth to its being in the log database; it grows while the event log stands still.", noData}, wide(w), "s",
		above(limit(logT, "{$LOG.LAG.MAX}"), red), line{item: "Events: lag"})
	return p.to(to)
}

func backlogFigure(w int, to string) Panel {
	p := figure(text{"Event backlog", "What all loggers have that no log server has stored.", noData}, wide(w), "bytes",
		above(limit(logT, "{$LOG.BACKLOG.MAX}"), red), line{item: "Events: backlog"})
	return p.decimals(0).to(to)
}

// rate is the unit of a count per second.
const rate = "suffix: /s"

// counts is the unit of a number of things.
func counts(things string) string { return "suffix: " + things }

// promised are the colours of a share of time beside the one that is promised.
func promised() *Thresholds {
	return marks(red, mark{99, orange}, mark{limit(authT, "{$CHATLAB.SLO}"), green})
}

// serviceLevel is a figure of the sign-in, the chat and the event log, a row each:
// of several servers, that of the one that served most.
func serviceLevel(title, says, item string, limits *Thresholds, w int) Panel {
	p := tile(text{title, says, noData}, wide(w), line{item: "/^(Auth|Chat|Log) server: " + item + "$/"})
	p.FieldConfig.Defaults.Unit, p.FieldConfig.Defaults.Thresholds = "percent", limits
	for _, name := range [][2]string{{"Auth", "Sign-in"}, {"Chat", "Chat"}, {"Log", "Event log"}} {
		p.Transformations = append(p.Transformations, Transform{"renameByRegex", map[string]any{"regex": "^(?:.+: )?" + name[0] + " server: .+$", "renamePattern": name[1]}})
	}
	return p.decimals(2).byField("Field", "max")
}

// process are the graphs of a daemon's and its logger's process.
func process(w int, daemons ...[2]string) []Panel {
	var cpu, memory, files []line
	for n, d := range daemons {
		color := []string{blue, purple, orange}[n%3]
		cpu = append(cpu, line{item: d[0] + ": CPU", name: d[1], color: color})
		memory = append(memory, line{item: d[0] + ": memory", name: d[1], color: color})
		files = append(files, line{item: d[0] + ": open files", name: d[1], color: color})
	}
	return []Panel{
		graph(text{"Process CPU", "Percent of one processor.", "no metrics"}, wide(w), "percent", cpu...).atLeast(10),
		graph(text{"Process memory", "Resident memory.", "no metrics"}, wide(w), "bytes", memory...),
		graph(text{"Open files", "Files and connections that the process holds open.", "no metrics"}, wide(w), counts("files"), files...),
	}
}
