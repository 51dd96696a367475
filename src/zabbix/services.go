package zabbix

import "slices"

// auth watches the auth server, its database and its logger.
func auth() Template {
	d := daemon{"authd", "authd", "{$AUTHD.OPS.PORT}", "authd"}
	l := daemon{"authd-logger", "authd's logger", "{$AUTHD.LOGGER.OPS.PORT}", "Logger"}
	const database, down = "MariaDB is down", "Auth server is down"
	upItem, upTriggers := up("auth", "Auth server", authMember, database)
	requests := func(call, result string) string {
		return `chatlab_auth_requests_total{call="` + call + `",result="` + result + `"}`
	}
	logItems, logTriggers := logger(l)
	return Template{
		Name:        "Chatlab auth",
		Description: "The auth server through healthd: is it up, how long does a real sign-in take, is its database there; and the metrics of authd and its logger. Link it to a host whose agent interface is healthd's (port 10060).",
		Items: slices.Concat([]Item{
			upItem,
			{Name: "Auth server: sign-in", Key: "chatlab.auth.login", Delay: "{$CHATLAB.DELAY.SLOW}", ValueType: Float, Units: "!ms", Group: "Auth server",
				Description: "A real sign-in of healthd's own user, from connecting to the token."},
			{Name: "MariaDB: up", Key: "chatlab.mariadb.ping", Delay: "{$CHATLAB.DELAY}", Group: "Database", ValueMap: upDown},
		}, d.process(), []Item{
			d.rate("sign-ins", "login.ok", requests("login", "ok")),
			d.rate("sign-ins with a wrong password", "login.wrong", requests("login", "wrong_credentials")),
			d.rate("sign-ins over a limit", "login.limited", requests("login", "rate_limited")),
			d.rate("sign-ins without a database", "login.unavailable", requests("login", "unavailable")),
			d.rate("sign-ups", "signup.ok", requests("signup", "ok")),
			d.rate("renewed tokens", "refresh.ok", requests("refresh", "ok")),
			d.value("passwords being hashed", "hash.busy", "chatlab_auth_hash_busy", ""),
			d.value("passwords waiting to be hashed", "hash.waiting", "chatlab_auth_hash_waiting", ""),
		}, logItems),
		Rules: []Rule{members("auth", "Auth server")},
		Triggers: slices.Concat([]Trigger{
			{Name: database, Expression: "{:chatlab.mariadb.ping.max({$CHATLAB.DB.PERIOD})}=0", Severity: High, Scope: "availability", After: []string{silent}},
		}, upTriggers, []Trigger{
			{Name: "Sign-ins are slow", Expression: "{:chatlab.auth.login.min({$CHATLAB.PERIOD})}>{$AUTH.LOGIN.MAX}", Severity: Warning, Scope: "performance", After: []string{down}},
			{Name: "Sign-ins fail", Expression: "{:chatlab.auth.login.nodata({$AUTH.LOGIN.NODATA})}=1", Severity: High, Scope: "availability", After: []string{down},
				Description: "The server says that it is up, but healthd cannot sign in. The item's error says why."},
			{Name: "Many passwords are wrong", Expression: "{:authd.login.wrong.min({$CHATLAB.PERIOD})}>{$AUTH.WRONG.MAX}", Severity: Warning, Scope: "security", After: []string{down}},
			{Name: "Sign-ins queue up", Expression: "{:authd.hash.waiting.min({$CHATLAB.PERIOD})}>{$AUTH.WAITING.MAX}", Severity: Warning, Scope: "performance", After: []string{down}},
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
	upItem, upTriggers := up("chat", "Chat server", chatMember)
	logItems, logTriggers := logger(l)
	return Template{
		Name:        "Chatlab chat",
		Description: "The chat server through healthd: is it up, how long does a line take to come back; and the metrics of chatd and its logger. Link it to a host whose agent interface is healthd's (port 10060).",
		Items: slices.Concat([]Item{
			upItem,
			{Name: "Chat server: round trip", Key: "chatlab.chat.roundtrip", Delay: "{$CHATLAB.DELAY.SLOW}", ValueType: Float, Units: "!ms", Group: "Chat server",
				Description: "From saying a line to its coming back, stored."},
		}, d.process(), []Item{
			d.value("connections", "connections", "chatlab_chat_connections", ""),
			d.value("sessions", "sessions", "chatlab_chat_sessions", ""),
			d.rate("lines said", "lines.in", "chatlab_chat_lines_in_total"),
			d.rate("lines shown", "lines.out", "chatlab_chat_lines_out_total"),
			d.value("bytes received", "bytes.in", "chatlab_chat_bytes_in_total", "Bps", perSecond),
			d.value("bytes sent", "bytes.out", "chatlab_chat_bytes_out_total", "Bps", perSecond),
			d.rate("slow readers cut", "slow", "chatlab_chat_slow_consumers_total"),
			d.rate("sessions resumed", "resumes", "chatlab_chat_resumes_total"),
			d.rate("lines repeated", "repeats", "chatlab_chat_repeats_total"),
			d.rate("passes of the fan-out", "fanout.passes", "chatlab_chat_fanout_delay_seconds_count"),
			d.rate("delay of all passes", "fanout.seconds", "chatlab_chat_fanout_delay_seconds_sum"),
			fanout(d),
		}, chatlog(d), logItems),
		Rules: []Rule{members("chat", "Chat server")},
		Triggers: slices.Concat(upTriggers, chatlogTriggers(down), []Trigger{
			{Name: "Chat is slow", Expression: "{:chatlab.chat.roundtrip.min({$CHATLAB.PERIOD})}>{$CHAT.ROUNDTRIP.MAX}", Severity: Warning, Scope: "performance", After: []string{down}},
			{Name: "Nobody can talk", Expression: "{:chatlab.chat.roundtrip.nodata({$CHAT.ROUNDTRIP.NODATA})}=1", Severity: High, Scope: "availability", After: []string{down},
				Description: "The server says that it is up, but no line comes back. The item's error says why."},
			{Name: "Readers are too slow", Expression: "{:chatd.slow.min({$CHATLAB.PERIOD})}>{$CHAT.SLOW.MAX}", Severity: Warning, Scope: "performance", After: []string{down}},
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

// fanout is the mean of the passes since the last look, 0 when there were none.
func fanout(d daemon) Item {
	passes := `last("` + d.name + `.fanout.passes")`
	return Item{
		Name: d.title + ": fan-out delay", Key: d.name + ".fanout.delay", Type: Calculated, Delay: "{$CHATLAB.DELAY.SLOW}", ValueType: Float, Units: "!ms", Group: d.group,
		Formula:     `1000*last("` + d.name + `.fanout.seconds")/(` + passes + `+(` + passes + `=0))`,
		Description: "From storing a line to its having been written to everyone in its room.",
	}
}

// log watches the log server, its database and the way of the events.
func log() Template {
	d := daemon{"logd", "logd", "{$LOGD.OPS.PORT}", "logd"}
	const database, down = "MongoDB is down", "Log server is down"
	const ends = "A certificate ends very soon"
	upItem, upTriggers := up("logd", "Log server", logMember, database)
	return Template{
		Name:        "Chatlab log",
		Description: "The log server through healthd: is it and its database up, how long does an event take to be stored, how much waits, when do certificates end; and logd's metrics. Link it to a host whose agent interface is healthd's (port 10060).",
		Items: slices.Concat([]Item{
			upItem,
			{Name: "MongoDB: up", Key: "chatlab.mongodb.ping", Delay: "{$CHATLAB.DELAY}", Group: "Database", ValueMap: upDown},
			{Name: "Events: lag", Key: "chatlab.events.lag", Delay: "{$CHATLAB.DELAY.SLOW}", ValueType: Float, Units: "s", Group: "Events",
				Description: "From an event's birth to its being stored; it grows while the event log stands still."},
			{Name: "Events: backlog", Key: "chatlab.events.backlog", Delay: "{$CHATLAB.DELAY.SLOW}", Units: "B", Group: "Events",
				Description: "What all loggers have that no log server has stored."},
			{Name: "Certificates: days left", Key: "chatlab.cert.days", Delay: "{$CHATLAB.DELAY.SLOW}", ValueType: Float, Units: "!days", Group: "Certificates"},
		}, d.process(), []Item{
			d.value("loggers connected", "connections", "chatlab_logd_connections", ""),
			d.rate("events received", "received", "chatlab_logd_received_total"),
			d.rate("events stored", "stored", "chatlab_logd_stored_total"),
			d.rate("events repeated", "repeats", "chatlab_logd_repeats_total"),
			d.rate("batches stored", "batches", "chatlab_logd_batches_total"),
			d.rate("batches failed", "failures", "chatlab_logd_failures_total"),
			d.rate("bad lines", "bad", "chatlab_logd_bad_lines_total"),
			d.rate("connections without a certificate", "refused", "chatlab_logd_refused_connections_total"),
		}),
		Rules: []Rule{members("logd", "Log server")},
		Triggers: slices.Concat([]Trigger{
			{Name: database, Expression: "{:chatlab.mongodb.ping.max({$CHATLAB.DB.PERIOD})}=0", Severity: High, Scope: "availability", After: []string{silent}},
		}, upTriggers, []Trigger{
			{Name: "Events are late", Expression: "{:chatlab.events.lag.min({$CHATLAB.PERIOD})}>{$LOG.LAG.MAX}", Severity: Average, Scope: "performance", After: []string{down}},
			{Name: "Events pile up", Expression: "{:chatlab.events.backlog.min({$CHATLAB.PERIOD})}>{$LOG.BACKLOG.MAX}", Severity: Average, Scope: "capacity", After: []string{"Events are late"}},
			{Name: "Batches fail", Expression: "{:logd.failures.min({$CHATLAB.PERIOD})}>{$LOG.FAILURES.MAX}", Severity: Average, Scope: "availability", After: []string{down}},
			{Name: "Lines are bad", Expression: "{:logd.bad.min({$CHATLAB.PERIOD})}>{$LOG.BAD.MAX}", Severity: Warning, Scope: "notice", After: []string{down}},
			{Name: "Strangers connect", Expression: "{:logd.refused.min({$CHATLAB.PERIOD})}>{$LOG.REFUSED.MAX}", Severity: Warning, Scope: "security", After: []string{down}},
			{Name: ends, Expression: "{:chatlab.cert.days.last()}<{$LOG.CERT.MIN}", Severity: High, Scope: "notice", After: []string{down}},
			{Name: "A certificate ends soon", Expression: "{:chatlab.cert.days.last()}<{$LOG.CERT.WARN}", Severity: Warning, Scope: "notice", After: []string{ends}},
			d.restartTrigger(down),
			d.memoryTrigger(down),
		}),
		Macros: common(slices.Concat(member(logMember, "log server"), d.macros("9083", "512M"), []Macro{
			{"{$LOG.LAG.MAX}", "10", "Seconds until an event is stored"},
			{"{$LOG.BACKLOG.MAX}", "16M", "Bytes that wait"},
			{"{$LOG.FAILURES.MAX}", "0", "Failed batches a second"},
			{"{$LOG.BAD.MAX}", "0", "Bad lines a second"},
			{"{$LOG.REFUSED.MAX}", "2", "Connections a second without a certificate (the healthds of three machines make one at the most)"},
			{"{$LOG.CERT.MIN}", "7", "Days that a certificate must be valid"},
			{"{$LOG.CERT.WARN}", "30", "Days that a certificate should be valid"},
		})...),
	}
}
