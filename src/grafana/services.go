package grafana

// auth shows the auth server.
func auth() Dashboard {
	waiting := limit(authT, "{$AUTH.WAITING.MAX}")
	queue := figure(text{"Queue", "Sign-ins that wait for a processor.", noData}, wide(6), counts("passwords"), above(waiting, red),
		line{item: "authd: passwords waiting to be hashed"}).decimals(0)
	return dashboard(authUID, "Auth", "Sign-ins: how many, how they end, how long they take.", everyHost, rows(
		tiles(0, 4, authTile(6, ""), mariadbTile(6, ""), loginFigure(6, ""), queue),
		tiles(4, 8,
			graph(text{"Sign-ins by result", "Of everyone; those of healthd, every 20 s, are among them.", "no metrics"}, wide(12), rate,
				line{item: "authd: sign-ins", name: "let in", color: green}, line{item: "authd: sign-ins with a wrong password", name: "wrong password", color: orange},
				line{item: "authd: sign-ins over a limit", name: "over a limit", color: purple},
				line{item: "authd: sign-ins without a database", name: "no database", color: red}).atLeast(1),
			graph(text{"Sign-in time", "Of everyone: 50, 95 and 99 of 100 took at most so long. And healthd's own, from connecting to the token; above the dashed line a problem is raised.", "no values"}, wide(12), "ms",
				line{item: "Auth server: sign-in", name: "healthd's", color: blue},
				line{item: "authd: sign-in, 50 of 100", name: "50 of 100", color: green}, line{item: "authd: sign-in, 95 of 100", name: "95 of 100", color: orange},
				line{item: "authd: sign-in, 99 of 100", name: "99 of 100", color: purple}).limited(above(limit(authT, "{$AUTH.LOGIN.MAX}"), red)).atLeast(200)),
		tiles(12, 8,
			graph(text{"Hash queue", "Passwords that are being hashed, and that wait for a processor.", "no metrics"}, wide(8), counts("passwords"),
				line{item: "authd: passwords being hashed", name: "being hashed", color: blue},
				line{item: "authd: passwords waiting to be hashed", name: "waiting", color: orange}).limited(above(waiting, red)).atLeast(4),
			graph(text{"Refusals", "Guessed passwords, addresses that are too fast, users turned away because the database is away.", "no metrics"}, wide(8), rate,
				line{item: "authd: sign-ins with a wrong password", name: "wrong password", color: orange},
				line{item: "authd: sign-ins over a limit", name: "over a limit", color: purple},
				line{item: "authd: sign-ins without a database", name: "no database", color: red}).
				limited(above(limit(authT, "{$AUTH.WRONG.MAX}"), red)).atLeast(1),
			graph(text{"Sign-ups and renewals", "New users, and tokens renewed before their end.", "no metrics"}, wide(8), rate,
				line{item: "authd: sign-ups", name: "sign-ups", color: blue}, line{item: "authd: renewed tokens", name: "renewed tokens", color: purple}).atLeast(1)),
		tiles(20, 7, append([]Panel{
			history(text{"Availability", "Green is up, red is down.", "nothing known"}, wide(6), line{item: "/^(Auth server|MariaDB): up$/"}),
		}, process(6, [2]string{"authd", "authd"}, [2]string{"authd's logger", "its logger"})...)...),
	)...)
}

// chat shows the chat server.
func chat() Dashboard {
	slow := limit(chatT, "{$CHAT.SLOW.MAX}")
	users := figure(text{"Users now", "Sessions at all servers.", noData}, wide(6), counts("users"), marks(blue), line{item: "chatd: sessions"}).decimals(0)
	delay := figure(text{"Fan-out latency", "From storing a line to its having been written to everyone, on average.", noData}, wide(6), "ms",
		above(limit(chatT, "{$CHAT.ROUNDTRIP.MAX}"), red), line{item: "chatd: fan-out delay"}).decimals(1)
	return dashboard(chatUID, "Chat", "Who is there, what is said, how soon it arrives.", everyHost, rows(
		tiles(0, 4, chatTile(6, ""), users, roundtripFigure(6, ""), delay),
		tiles(4, 8,
			graph(text{"Users", "Connections that have shown a token, at each server.", "no metrics"}, wide(12), counts("users"),
				line{item: "chatd: sessions", name: "users", color: blue}).atLeast(5),
			graph(text{"Lines", "Said by users, and shown to all of them.", "no metrics"}, wide(12), rate,
				line{item: "chatd: lines said", name: "said", color: blue}, line{item: "chatd: lines shown", name: "shown", color: green}).atLeast(1)),
		tiles(12, 8,
			graph(text{"Chat latency", "healthd's own line until it is back, and the fan-out to everyone: 50, 95 and 99 of 100 took at most so long. Above the dashed line a problem is raised.", "no values"},
				wide(12), "ms", line{item: "Chat server: round trip", name: "round trip", color: blue}, line{item: "chatd: fan-out, 50 of 100", name: "fan-out, 50 of 100", color: green},
				line{item: "chatd: fan-out, 95 of 100", name: "95 of 100", color: orange}, line{item: "chatd: fan-out, 99 of 100", name: "99 of 100", color: purple}).
				limited(above(limit(chatT, "{$CHAT.ROUNDTRIP.MAX}"), red)).atLeast(50),
			graph(text{"Slow readers and resumes", "Readers cut for reading too slowly, came back and resumed, lines said twice and dropped.", "no metrics"}, wide(12), rate,
				line{item: "chatd: slow readers cut", name: "slow readers cut", color: red}, line{item: "chatd: sessions resumed", name: "resumed", color: green},
				line{item: "chatd: lines repeated", name: "repeated lines", color: orange}).limited(above(slow, red)).atLeast(slow)),
		tiles(20, 7, append([]Panel{
			history(text{"Availability", "Green is up, red is down.", "nothing known"}, wide(4), line{item: "Chat server: up"}),
			graph(text{"Traffic", "Of lines: in above the axis, out below it.", "no metrics"}, wide(5), "bps",
				line{item: "chatd: traffic received", name: "in", color: blue}, line{item: "chatd: traffic sent", name: "out", color: green, below: true}),
		}, process(5, [2]string{"chatd", "chatd"}, [2]string{"chatd's logger", "its logger"})...)...),
	)...)
}

// events shows the way of the events: born, spooled, stored.
func events() Dashboard {
	backlog := limit(logT, "{$LOG.BACKLOG.MAX}")
	return dashboard(eventsUID, "Events", "The way of the events, from birth to the log database: nothing may be lost, and nothing may wait for long.", everyHost, rows(
		tiles(0, 4, logTile(5, ""), mongodbTile(5, ""), lagFigure(5, ""), backlogFigure(5, ""), certificateTile(4, "")),
		tiles(4, 8,
			graph(text{"Events created and stored", "Created at each node, and stored in the log database.", "no metrics"}, wide(12), rate,
				line{item: "authd's logger: events taken", name: "by authd", color: blue}, line{item: "chatd's logger: events taken", name: "by chatd", color: purple},
				line{item: "logd: events stored", name: "stored", color: green, dash: true}).atLeast(1),
			graph(text{"Event delay and percentiles", "From an event's creation to its being stored: the newest, and 50, 95 and 99 of 100, which took at most so long. Above the dashed line a problem is raised.", "no values"}, wide(12), "s",
				line{item: "Events: lag", name: "newest", color: blue},
				line{item: "logd: event delay, 50 of 100", name: "50 of 100", color: green}, line{item: "logd: event delay, 95 of 100", name: "95 of 100", color: orange},
				line{item: "logd: event delay, 99 of 100", name: "99 of 100", color: purple}).limited(above(limit(logT, "{$LOG.LAG.MAX}"), red)).atLeast(2)),
		tiles(12, 8,
			graph(text{"Event backlog by logger", "Events that no log server has stored, at each node; the dashed line raises a problem.", "no metrics"}, wide(8), "bytes",
				line{item: "authd's logger: backlog", name: "of authd", color: blue}, line{item: "chatd's logger: backlog", name: "of chatd", color: purple}).
				limited(above(backlog, red)).atLeast(1<<20),
			graph(text{"Spool size", "Size of each spool on disk; what is stored is removed from it by whole files.", "no metrics"}, wide(8), "bytes",
				line{item: "authd's logger: spool", name: "of authd", color: blue}, line{item: "chatd's logger: spool", name: "of chatd", color: purple}).atLeast(1<<20),
			graph(text{"Events at the log server", "Received, stored, and of these seen before (a repeat is not stored twice).", "no metrics"}, wide(8), rate,
				line{item: "logd: events received", name: "received", color: blue}, line{item: "logd: events stored", name: "stored", color: green},
				line{item: "logd: events repeated", name: "repeated", color: orange}).atLeast(1)),
		tiles(20, 7, append([]Panel{
			history(text{"Connections", "Loggers to a log server, and the log server itself: green is well.", "nothing known"}, wide(4),
				line{item: "/^(authd's|chatd's) logger: connected to a log server$/"}, line{item: "/^(Log server|MongoDB): up$/"}),
			graph(text{"Faults", "Failed batches, bad lines, connections without a certificate.", "no metrics"}, wide(5), rate,
				line{item: "logd: batches failed", name: "batches failed", color: red}, line{item: "logd: bad lines", name: "bad lines", color: orange},
				line{item: "logd: connections without a certificate", name: "no certificate", color: purple}).
				limited(above(limit(logT, "{$LOG.REFUSED.MAX}"), red)).atLeast(limit(logT, "{$LOG.REFUSED.MAX}")),
		}, process(5, [2]string{"logd", "logd"})...)...),
	)...)
}
