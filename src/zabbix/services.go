package zabbix

import "slices"

// auth watches the auth server, its database and its logger.
func auth() Template {
	d := daemon{"authd", "authd", "{$AUTHD.OPS.PORT}", "authd"}
	l := daemon{"authd-logger", "authd's logger", "{$AUTHD.LOGGER.OPS.PORT}", "Logger"}
	const database, down = "MariaDB is down", "Auth server is down"
	upItems, upTriggers := up("auth", "Auth server", authMember, database)
	requests := func(call, result string) string {
		return `chatlab_auth_requests_total{call="` + call + `",result="` + result + `"}`
	}
	logItems, logTriggers := logger(l)
	return Template{
		Name:        "Chatlab auth",
		Description: "The auth server through healthd: is it up, how long does a real sign-in take, is its database there; and the metrics of authd and its logger. Link it to a host whose agent interface is healthd's (port 10060).",
		Items: slices.Concat(upItems, []Item{
			{Name: "Auth server: sign-in", Key: "chatlab.auth.login", Delay: "{$CHATLAB.DELAY.PROBE}", ValueType: Float, Units: "!ms", Group: "Auth server",
				Description: "A real sign-in of healthd's own user, from connecting to the token."},
			{Name: "MariaDB: up", Key: "chatlab.mariadb.ping", Delay: "{$CHATLAB.DELAY}", Group: "Database", ValueMap: upDown},
		}, d.process(), []Item{
			d.rate("sign-ins", "login.ok", requests("login", "ok")),
			d.rate("sign-ins with a wrong password", "login.wrong", requests("login", "wrong_credentials")),
			d.rate("sign-ins over a limit", "login.limited", requests("login", "rate_limited")),
			d.rate("sign-ins without a database", "login.unavailable", requests("login", "unavailable")),
			d.rate("sign-ups", "signup.ok", requests("signup", "ok")),
			d.rate("renewed tokens", "refresh.ok", requests("refresh", "ok")),
			d.value("passwords being hashed", "hash.busy", "chatlab_auth_hash_busy", "!passwords"),
			d.value("passwords waiting to be hashed", "hash.waiting", "chatlab_auth_hash_waiting", "!passwords"),
			d.value("key file cannot be used", "keys.bad", keysBad, "!files"),
		}, d.percentiles(signIn), logItems),
		Rules: []Rule{members("auth", "Auth server")},
		Triggers: slices.Concat([]Trigger{
			{Name: database, Expression: "{:chatlab.mariadb.ping.max({$CHATLAB.DB.PERIOD})}=0", Severity: High, Scope: "availability", After: []string{silent},
				Description: "The user database answers no query: nobody can sign in or up.",
				Look:        "The last lines of its log; a full disk is a common cause.", Run: "lab logs mariadb@{$LAB.NODE}"},
		}, upTriggers, []Trigger{
			{Name: "Sign-ins are slow", Expression: "{:chatlab.auth.login.min({$CHATLAB.PERIOD})}>{$AUTH.LOGIN.MAX}", Severity: Warning, Scope: "performance", After: []string{down},
				Description: "A sign-in works, but users wait for it.",
				Look:        "Sign-in time and Hash queue on the Auth dashboard: many sign-ins at once, or too little CPU?", Run: "lab logs authd@{$LAB.NODE}"},
			{Name: "Sign-ins fail", Expression: "{:chatlab.auth.login.nodata({$AUTH.LOGIN.NODATA})}=1", Severity: High, Scope: "availability", After: []string{down},
				Description: "The server says that it is up, but healthd cannot sign in. The item's error says why.",
				Look:        "Sign-ins by result on the Auth dashboard: do the users' sign-ins fail, too?", Run: "lab check auth.*"},
			{Name: "Many passwords are wrong", Expression: "{:authd.login.wrong.min({$CHATLAB.PERIOD})}>{$AUTH.WRONG.MAX}", Severity: Warning, Scope: "security", After: []string{down},
				Description: "Somebody guesses passwords, or a program signs in with an old one.",
				Look:        "The addresses and ids of the failed sign-ins in the event log.", Run: "lab logs authd@{$LAB.NODE}"},
			{Name: "Sign-ins queue up", Expression: "{:authd.hash.waiting.min({$CHATLAB.PERIOD})}>{$AUTH.WAITING.MAX}", Severity: Warning, Scope: "performance", After: []string{down},
				Description: "More sign-ins come than this machine can hash passwords.",
				Look:        "CPU on the Node dashboard, Sign-ins by result on the Auth dashboard: users, or one address?", Run: "lab logs authd@{$LAB.NODE}"},
			d.keysTrigger(down),
			d.restartTrigger(down),
			d.memoryTrigger(down),
		}, logTriggers),
		Macros: common(slices.Concat(member(authMember, "auth server"), d.macros("9081", "512M"), loggerMacros(l, "9091"), []Macro{
			{"{$AUTH.LOGIN.MAX}", "1000", "Milliseconds of a sign-in"},
			{"{$AUTH.LOGIN.NODATA}", "10m", "Time without a sign-in that works"},
			{"{$AUTH.WRONG.MAX}", "5", "Wrong passwords a second"},
			{"{$AUTH.WAITING.MAX}", "50", "Passwords that wait to be hashed"},
		})...),
	}
}

// chat watches the chat server and its logger.
func chat() Template {
	d := daemon{"chatd", "chatd", "{$CHATD.OPS.PORT}", "chatd"}
	l := daemon{"chatd-logger", "chatd's logger", "{$CHATD.LOGGER.OPS.PORT}", "Logger"}
	const down = "Chat server is down"
	upItems, upTriggers := up("chat", "Chat server", chatMember)
	logItems, logTriggers := logger(l)
	return Template{
		Name:        "Chatlab chat",
		Description: "The chat server through healthd: is it up, how long does a line take to come back; and the metrics of chatd and its logger. Link it to a host whose agent interface is healthd's (port 10060).",
		Items: slices.Concat(upItems, []Item{
			{Name: "Chat server: round trip", Key: "chatlab.chat.roundtrip", Delay: "{$CHATLAB.DELAY.PROBE}", ValueType: Float, Units: "!ms", Group: "Chat server",
				Description: "From saying a line to its coming back, stored."},
		}, d.process(), []Item{
			d.value("connections", "connections", "chatlab_chat_connections", "!connections"),
			d.value("sessions", "sessions", "chatlab_chat_sessions", "!users"),
			d.value("key file cannot be used", "keys.bad", keysBad, "!files"),
			d.rate("lines said", "lines.in", "chatlab_chat_lines_in_total"),
			d.rate("lines shown", "lines.out", "chatlab_chat_lines_out_total"),
			d.value("traffic received", "traffic.in", "chatlab_chat_bytes_in_total", "bps", bits...),
			d.value("traffic sent", "traffic.out", "chatlab_chat_bytes_out_total", "bps", bits...),
			d.rate("slow readers cut", "slow", "chatlab_chat_slow_consumers_total"),
			d.rate("sessions resumed", "resumes", "chatlab_chat_resumes_total"),
			d.rate("lines repeated", "repeats", "chatlab_chat_repeats_total"),
			d.rate("passes of the fan-out", "fanout.passes", "chatlab_chat_fanout_delay_seconds_count"),
			d.rate("delay of all passes", "fanout.seconds", "chatlab_chat_fanout_delay_seconds_sum"),
			fanout(d),
		}, d.percentiles(fanoutDelay), chatlog(d), logItems),
		Rules: []Rule{members("chat", "Chat server")},
		Triggers: slices.Concat(upTriggers, chatlogTriggers(down), []Trigger{
			{Name: "Chat is slow", Expression: "{:chatlab.chat.roundtrip.min({$CHATLAB.PERIOD})}>{$CHAT.ROUNDTRIP.MAX}", Severity: Warning, Scope: "performance", After: []string{down},
				Description: "Lines arrive, but users notice the delay.",
				Look:        "Chat latency on the Chat dashboard; CPU and Disk I/O of the node; Replica lag where there are several servers.", Run: "lab logs chatd@{$LAB.NODE}"},
			{Name: "Nobody can talk", Expression: "{:chatlab.chat.roundtrip.nodata({$CHAT.ROUNDTRIP.NODATA})}=1", Severity: High, Scope: "availability", After: []string{down},
				Description: "The server says that it is up, but no line comes back. The item's error says why.",
				Look:        "Chat log quorum on the Cluster dashboard; the item's error in Zabbix.", Run: "lab check chat.*"},
			{Name: "Readers are too slow", Expression: "{:chatd.slow.min({$CHATLAB.PERIOD})}>{$CHAT.SLOW.MAX}", Severity: Warning, Scope: "performance", After: []string{down},
				Description: "Clients read more slowly than their room talks, and are cut off.",
				Look:        "Slow readers and resumes on the Chat dashboard: one room, or all?", Run: "lab logs chatd@{$LAB.NODE}"},
			d.keysTrigger(down),
			d.restartTrigger(down),
			d.memoryTrigger(down),
		}, logTriggers),
		Macros: common(slices.Concat(member(chatMember, "chat server"), d.macros("9082", "1G"), loggerMacros(l, "9092"), []Macro{
			{"{$CHAT.ROUNDTRIP.MAX}", "500", "Milliseconds until a line comes back"},
			{"{$CHAT.ROUNDTRIP.NODATA}", "10m", "Time without a line that comes back"},
			{"{$CHAT.SLOW.MAX}", "1", "Slow readers cut a second"},
			{"{$CHAT.LOG.PERIOD}", "2m", "Time for which the chat log must store no lines"},
			{"{$CHAT.LOG.REPLICAS.PERIOD}", "3m", "Time for which a replica of the chat log must lack lines: longer than the above"},
			{"{$CHAT.LOG.LAG.MAX}", "1000", "Lines that a replica of the chat log may lack"},
		})...),
	}
}

// fanout is the mean of the passes of the last three minutes, 0 when there were none.
func fanout(d daemon) Item {
	passes := recent(d.name + ".fanout.passes")
	return Item{
		Name: d.title + ": fan-out delay", Key: d.name + ".fanout.delay", Type: Calculated, Delay: "{$CHATLAB.DELAY.SLOW}", ValueType: Float, Units: "!ms", Group: d.group,
		Formula:     unlessStale(`1000*`+recent(d.name+".fanout.seconds")+`/(`+passes+`+(`+passes+`=0))`, d.name+".fanout.passes", "{$CHATLAB.FRESH.SLOW}"),
		Steps:       []Step{validated},
		Description: "From storing a line to its having been written to everyone in its room.",
	}
}

// log watches the log server, its database and the way of the events.
func log() Template {
	d := daemon{"logd", "logd", "{$LOGD.OPS.PORT}", "logd"}
	const database, down = "MongoDB is down", "Log server is down"
	const ends = "A certificate ends very soon"
	upItems, upTriggers := up("logd", "Log server", logMember, database)
	return Template{
		Name:        "Chatlab log",
		Description: "The log server through healthd: is it and its database up, how long does an event take to be stored, how much waits, when do certificates end; and logd's metrics. Link it to a host whose agent interface is healthd's (port 10060).",
		Items: slices.Concat(upItems, []Item{
			{Name: "MongoDB: up", Key: "chatlab.mongodb.ping", Delay: "{$CHATLAB.DELAY}", Group: "Database", ValueMap: upDown},
			{Name: "Events: lag", Key: "chatlab.events.lag", Delay: "{$CHATLAB.DELAY.PROBE}", ValueType: Float, Units: "s", Group: "Events",
				Description: "From an event's birth to its being stored; it grows while the event log stands still."},
			{Name: "Events: backlog", Key: "chatlab.events.backlog", Delay: "{$CHATLAB.DELAY.PROBE}", Units: "B", Group: "Events",
				Description: "What all loggers have that no log server has stored."},
			{Name: "Certificates: days left", Key: "chatlab.cert.days", Delay: "{$LOG.CERT.DELAY}", ValueType: Float, Units: "!days", Group: "Certificates"},
		}, d.process(), []Item{
			d.value("loggers connected", "connections", "chatlab_logd_connections", "!loggers"),
			d.rate("events received", "received", "chatlab_logd_received_total"),
			d.rate("events stored", "stored", "chatlab_logd_stored_total"),
			d.rate("events repeated", "repeats", "chatlab_logd_repeats_total"),
			d.rate("batches stored", "batches", "chatlab_logd_batches_total"),
			d.rate("batches failed", "failures", "chatlab_logd_failures_total"),
			d.rate("bad lines", "bad", "chatlab_logd_bad_lines_total"),
			d.rate("connections without a certificate", "refused", "chatlab_logd_refused_connections_total"),
		}, d.percentiles(eventDelay)),
		Rules: []Rule{members("logd", "Log server")},
		Triggers: slices.Concat([]Trigger{
			{Name: database, Expression: "{:chatlab.mongodb.ping.max({$CHATLAB.DB.PERIOD})}=0", Severity: High, Scope: "availability", After: []string{silent},
				Description: "The log database answers no query: events wait in the spools, and nothing is lost until these are full.",
				Look:        "The last lines of its log; Event backlog on the Events dashboard says how much time is left.", Run: "lab logs mongodb@{$LAB.NODE}"},
		}, upTriggers, []Trigger{
			{Name: "Events are late", Expression: "{:chatlab.events.lag.min({$CHATLAB.PERIOD})}>{$LOG.LAG.MAX}", Severity: Average, Scope: "performance", After: []string{down},
				Description: "Events reach the log database long after they happened.",
				Look:        "Events created and stored on the Events dashboard: is storing slow, or are there very many?", Run: "lab logs logd@{$LAB.NODE}"},
			{Name: "Events pile up", Expression: "{:chatlab.events.backlog.min({$CHATLAB.PERIOD})}>{$LOG.BACKLOG.MAX}", Severity: Average, Scope: "capacity", After: []string{"Events are late"},
				Description: "The spools fill faster than the log servers store.",
				Look:        "Event backlog on the Events dashboard: of which logger?", Run: "lab logs logd@{$LAB.NODE}"},
			{Name: "Batches fail", Expression: "{:logd.failures.min({$CHATLAB.PERIOD})}>{$LOG.FAILURES.MAX}", Severity: Average, Scope: "availability", After: []string{down},
				Description: "The log database refuses to store, and logd tries again.",
				Look:        "MongoDB's log beside logd's: both name the error.", Run: "lab logs logd@{$LAB.NODE}"},
			{Name: "Lines are bad", Expression: "{:logd.bad.min({$CHATLAB.PERIOD})}>{$LOG.BAD.MAX}", Severity: Warning, Scope: "notice", After: []string{down},
				Description: "logd received lines that are no events: a logger of another release, or a stranger with a certificate.",
				Look:        "logd's log names the connection.", Run: "lab logs logd@{$LAB.NODE}"},
			{Name: "Strangers connect", Expression: "{:logd.refused.min({$CHATLAB.PERIOD})}>{$LOG.REFUSED.MAX}", Severity: Warning, Scope: "security", After: []string{down},
				Description: "Connections without a certificate of the lab come again and again: a scan, or a logger whose certificate is missing.",
				Look:        "The addresses in logd's log.", Run: "lab logs logd@{$LAB.NODE}"},
			{Name: ends, Expression: "{:chatlab.cert.days.last()}<{$LOG.CERT.MIN}", Severity: High, Scope: "notice", After: []string{down},
				Description: "A certificate of the lab ends within days. Then logger and log server, or agent and Zabbix, no longer talk.",
				Look:        "Certificates on the Events dashboard. `ansible-playbook rotate.yml` makes new ones.", Run: "lab status"},
			{Name: "A certificate ends soon", Expression: "{:chatlab.cert.days.last()}<{$LOG.CERT.WARN}", Severity: Warning, Scope: "notice", After: []string{ends},
				Description: "A certificate of the lab ends within weeks.",
				Look:        "Certificates on the Events dashboard. `ansible-playbook rotate.yml` makes new ones.", Run: "lab status"},
			d.restartTrigger(down),
			d.memoryTrigger(down),
		}),
		Macros: common(slices.Concat(member(logMember, "log server"), d.macros("9083", "512M"), []Macro{
			{"{$LOG.LAG.MAX}", "10", "Seconds until an event is stored"},
			{"{$LOG.BACKLOG.MAX}", "16M", "Bytes that wait"},
			{"{$LOG.FAILURES.MAX}", "0", "Failed batches a second"},
			{"{$LOG.BAD.MAX}", "0", "Bad lines a second"},
			{"{$LOG.REFUSED.MAX}", "2", "Connections a second without a certificate (the healthds of three machines make one at the most)"},
			{"{$LOG.CERT.DELAY}", "10m", "Time between looks at certificates"},
			{"{$LOG.CERT.MIN}", "7", "Days that a certificate must be valid"},
			{"{$LOG.CERT.WARN}", "30", "Days that a certificate should be valid"},
		})...),
	}
}
