package grafana

// auth shows the auth server.
func auth() Dashboard {
	waiting := limit(authT, "{$AUTH.WAITING.MAX}")
	queue := figure(text{"Waiting to be hashed", "Sign-ins that wait for a processor.", "no metrics"}, wide(6), "short", above(waiting, red),
		line{item: "authd: passwords waiting to be hashed"}).decimals(0)
	queue.TimeFrom, queue.HideTimeOverride = freshSlow, true
	return dashboard(authUID, "Auth", "Sign-ins: how many, how they end, how long they take.", everyHost, rows(
		tiles(0, 4, authTile(6, ""), mariadbTile(6, ""), loginFigure(6, ""), queue),
		tiles(4, 8,
			graph(text{"Sign-ins by result", "A second, of everyone; healthd's own each minute are among them.", "no metrics"}, wide(12), "short",
				line{item: "authd: sign-ins", name: "let in", color: green}, line{item: "authd: sign-ins with a wrong password", name: "wrong password", color: orange},
				line{item: "authd: sign-ins over a limit", name: "over a limit", color: purple},
				line{item: "authd: sign-ins without a database", name: "no database", color: red}).atLeast(1),
			graph(text{"How long a sign-in takes", "A real sign-in, each minute, from connecting to the token; the dashed line raises a problem.", "none succeeds"}, wide(12), "ms",
				line{item: "Auth server: sign-in", name: "sign-in", color: blue}).limited(above(limit(authT, "{$AUTH.LOGIN.MAX}"), red)).atLeast(200)),
		tiles(12, 8,
			graph(text{"Hash queue", "Passwords that are being hashed, and that wait for a processor.", "no metrics"}, wide(8), "short",
				line{item: "authd: passwords being hashed", name: "being hashed", color: blue},
				line{item: "authd: passwords waiting to be hashed", name: "waiting", color: orange}).limited(above(waiting, red)).atLeast(4),
			graph(text{"Refusals", "A second: who is guessing, who is too fast, who was turned away for want of a database.", "no metrics"}, wide(8), "short",
				line{item: "authd: sign-ins with a wrong password", name: "wrong password", color: orange},
				line{item: "authd: sign-ins over a limit", name: "over a limit", color: purple},
				line{item: "authd: sign-ins without a database", name: "no database", color: red}).
				limited(above(limit(authT, "{$AUTH.WRONG.MAX}"), red)).atLeast(1),
			graph(text{"Sign-ups and renewals", "A second.", "no metrics"}, wide(8), "short",
				line{item: "authd: sign-ups", name: "sign-ups", color: blue}, line{item: "authd: renewed tokens", name: "renewed tokens", color: purple}).atLeast(1)),
		tiles(20, 7, append([]Panel{
			history(text{"What was up", "Green is up, red is down.", "nothing known"}, wide(8), line{item: "/^(Auth server|MariaDB): up$/"}),
		}, process(8, [2]string{"authd", "authd"}, [2]string{"authd's logger", "its logger"})...)...),
	)...)
}

// chat shows the chat server.
func chat() Dashboard {
	slow := limit(chatT, "{$CHAT.SLOW.MAX}")
	users := figure(text{"Users", "Sessions now.", "no metrics"}, wide(6), "short", marks(blue), line{item: "chatd: sessions"}).decimals(0)
	delay := figure(text{"To everyone", "From storing a line to its having been written to everyone, on average.", "no metrics"}, wide(6), "ms",
		above(limit(chatT, "{$CHAT.ROUNDTRIP.MAX}"), red), line{item: "chatd: fan-out delay"}).decimals(1)
	users.TimeFrom, users.HideTimeOverride = freshSlow, true
	delay.TimeFrom, delay.HideTimeOverride = freshSlow, true
	return dashboard(chatUID, "Chat", "Who is there, what is said, how soon it arrives.", everyHost, rows(
		tiles(0, 4, chatTile(6, ""), users, roundtripFigure(6, ""), delay),
		tiles(4, 8,
			graph(text{"Users", "Sessions, and connections: those that have not shown a token are the difference.", "no metrics"}, wide(12), "short",
				line{item: "chatd: sessions", name: "sessions", color: blue}, line{item: "chatd: connections", name: "connections", color: grey, dash: true}).atLeast(5),
			graph(text{"Lines", "A second: said by users, and shown to all of them.", "no metrics"}, wide(12), "short",
				line{item: "chatd: lines said", name: "said", color: blue}, line{item: "chatd: lines shown", name: "shown", color: green}).atLeast(1)),
		tiles(12, 8,
			graph(text{"How soon a line arrives", "Back at who said it (healthd, each minute), and at everyone (average). Beyond the dashed line a problem is raised.", "none comes back"},
				wide(12), "ms", line{item: "Chat server: round trip", name: "round trip", color: blue}, line{item: "chatd: fan-out delay", name: "fan-out", color: purple}).
				limited(above(limit(chatT, "{$CHAT.ROUNDTRIP.MAX}"), red)).atLeast(50),
			graph(text{"Trouble of readers", "A second: cut for reading too slowly, came back and resumed, lines said twice and dropped.", "no metrics"}, wide(12), "short",
				line{item: "chatd: slow readers cut", name: "slow readers cut", color: red}, line{item: "chatd: sessions resumed", name: "resumed", color: green},
				line{item: "chatd: lines repeated", name: "repeated lines", color: orange}).limited(above(slow, red)).atLeast(slow)),
		tiles(20, 7, append([]Panel{
			history(text{"What was up", "Green is up, red is down.", "nothing known"}, wide(6), line{item: "Chat server: up"}),
			graph(text{"Traffic", "Bytes a second, of lines: in above the line, out below it.", "no metrics"}, wide(6), "Bps",
				line{item: "chatd: bytes received", name: "in", color: blue}, line{item: "chatd: bytes sent", name: "out", color: green, below: true}),
		}, process(6, [2]string{"chatd", "chatd"}, [2]string{"chatd's logger", "its logger"})...)...),
	)...)
}

// events shows the way of the events: born, spooled, stored.
func events() Dashboard {
	backlog := limit(logT, "{$LOG.BACKLOG.MAX}")
	return dashboard(eventsUID, "Events", "The way of the events, from birth to the log database: nothing may be lost, and nothing may wait for long.", everyHost, rows(
		tiles(0, 4, logTile(5, ""), mongodbTile(5, ""), lagFigure(5, ""), backlogFigure(5, ""), certificateTile(4, "")),
		tiles(4, 8,
			graph(text{"Born and stored", "Events a second: born at each node, and stored in the log database.", "no metrics"}, wide(12), "short",
				line{item: "authd's logger: events taken", name: "born in authd", color: blue}, line{item: "chatd's logger: events taken", name: "born in chatd", color: purple},
				line{item: "logd: events stored", name: "stored", color: green, dash: true}).atLeast(1),
			graph(text{"Stored after", "From an event's birth to its being stored; the dashed line raises a problem.", "unknown"}, wide(12), "s",
				line{item: "Events: lag", name: "lag", color: blue}).limited(above(limit(logT, "{$LOG.LAG.MAX}"), red)).atLeast(2)),
		tiles(12, 8,
			graph(text{"Waiting", "Bytes that no log server has stored, at each node; the dashed line raises a problem.", "no metrics"}, wide(8), "bytes",
				line{item: "authd's logger: backlog", name: "of authd", color: blue}, line{item: "chatd's logger: backlog", name: "of chatd", color: purple}).
				limited(above(backlog, red)).atLeast(1<<20),
			graph(text{"Spooled", "Size of each spool on disk; what is stored is removed from it by whole files.", "no metrics"}, wide(8), "bytes",
				line{item: "authd's logger: spool", name: "of authd", color: blue}, line{item: "chatd's logger: spool", name: "of chatd", color: purple}).atLeast(1<<20),
			graph(text{"At the log server", "Events a second: received, stored, and of these seen before (a repeat is not stored twice).", "no metrics"}, wide(8), "short",
				line{item: "logd: events received", name: "received", color: blue}, line{item: "logd: events stored", name: "stored", color: green},
				line{item: "logd: events repeated", name: "repeated", color: orange}).atLeast(1)),
		tiles(20, 7, append([]Panel{
			history(text{"Connected", "Loggers to a log server, and the log server itself: green is well.", "nothing known"}, wide(6),
				line{item: "/^(authd's|chatd's) logger: connected to a log server$/"}, line{item: "/^(Log server|MongoDB): up$/"}),
			graph(text{"Faults", "A second: failed batches, bad lines, strangers; healthd's own looks, which show no certificate, are among these.", "no metrics"}, wide(6), "short",
				line{item: "logd: batches failed", name: "batches failed", color: red}, line{item: "logd: bad lines", name: "bad lines", color: orange},
				line{item: "logd: connections without a certificate", name: "no certificate", color: purple}).
				limited(above(limit(logT, "{$LOG.REFUSED.MAX}"), red)).atLeast(limit(logT, "{$LOG.REFUSED.MAX}")),
		}, process(6, [2]string{"logd", "logd"})...)...),
	)...)
}
