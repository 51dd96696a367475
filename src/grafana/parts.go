package grafana

// What several dashboards show.

// fresh is how old the newest value of a tile may be.
func freshUp() string { return period(authT, "{$CHATLAB.NODATA}") }

// freshSlow is for what comes once a minute.
const freshSlow = "5m"

func authTile(w int, to string) Panel {
	return upTile("Auth server", "Whether it serves and says that it is ready.", wide(w), freshUp(), line{item: "Auth server: up"}, to)
}

func mariadbTile(w int, to string) Panel {
	return upTile("MariaDB", "Whether the user database answers.", wide(w), freshUp(), line{item: "MariaDB: up"}, to)
}

func chatTile(w int, to string) Panel {
	return upTile("Chat server", "Whether it serves and says that it is ready.", wide(w), freshUp(), line{item: "Chat server: up"}, to)
}

func logTile(w int, to string) Panel {
	return upTile("Log server", "Whether it takes events and says that it is ready.", wide(w), freshUp(), line{item: "Log server: up"}, to)
}

func mongodbTile(w int, to string) Panel {
	return upTile("MongoDB", "Whether the log database answers.", wide(w), freshUp(), line{item: "MongoDB: up"}, to)
}

func certificateTile(w int, to string) Panel {
	p := tile(text{"Certificates", "Days until the first certificate of the lab ends.", "no answer"}, wide(w), freshSlow, line{item: "Certificates: days left"})
	p.FieldConfig.Defaults.Unit = "suffix: days"
	p.FieldConfig.Defaults.Thresholds = marks(red, mark{limit(logT, "{$LOG.CERT.MIN}"), orange}, mark{limit(logT, "{$LOG.CERT.WARN}"), green})
	return p.decimals(0).to(to)
}

func loginFigure(w int, to string) Panel {
	p := figure(text{"Sign-in", "How long a real sign-in takes, from connecting to the token.", "none succeeds"}, wide(w), "ms",
		above(limit(authT, "{$AUTH.LOGIN.MAX}"), red), line{item: "Auth server: sign-in"})
	p.TimeFrom, p.HideTimeOverride = freshSlow, true
	return p.decimals(0).to(to)
}

func roundtripFigure(w int, to string) Panel {
	p := figure(text{"Line of chat", "From saying a line to its coming back, stored.", "none comes back"}, wide(w), "ms",
		above(limit(chatT, "{$CHAT.ROUNDTRIP.MAX}"), red), line{item: "Chat server: round trip"})
	p.TimeFrom, p.HideTimeOverride = freshSlow, true
	return p.decimals(1).to(to)
}

func lagFigure(w int, to string) Panel {
	p := figure(text{"Event stored after", "From an event's birth to its being in the log database; it grows while the event log stands still.", "unknown"}, wide(w), "s",
		above(limit(logT, "{$LOG.LAG.MAX}"), red), line{item: "Events: lag"})
	p.TimeFrom, p.HideTimeOverride = freshSlow, true
	return p.to(to)
}

func backlogFigure(w int, to string) Panel {
	p := figure(text{"Events waiting", "What all loggers have that no log server has stored.", "unknown"}, wide(w), "bytes",
		above(limit(logT, "{$LOG.BACKLOG.MAX}"), red), line{item: "Events: backlog"})
	p.TimeFrom, p.HideTimeOverride = freshSlow, true
	return p.decimals(0).to(to)
}

// process are the graphs of a daemon's and its logger's process.
func process(w int, daemons ...[2]string) []Panel {
	var cpu, memory []line
	for n, d := range daemons {
		color := []string{blue, purple, orange}[n%3]
		cpu = append(cpu, line{item: d[0] + ": CPU", name: d[1], color: color})
		memory = append(memory, line{item: d[0] + ": memory", name: d[1], color: color})
	}
	return []Panel{
		graph(text{"Process CPU", "Percent of one processor.", "no metrics"}, wide(w), "percent", cpu...).atLeast(10),
		graph(text{"Process memory", "Resident memory.", "no metrics"}, wide(w), "bytes", memory...),
	}
}
