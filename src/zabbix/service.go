package zabbix

import (
	"slices"
	"strings"
)

// shared are the macros of the templates on healthd's keys, which mean the same in
// all of them.
var shared = []Macro{
	{"{$CHATLAB.DELAY}", "10s", "Time between looks whether a service is up"},
	{"{$CHATLAB.DELAY.PROBE}", "20s", "Time between checks that sign in or talk"},
	{"{$CHATLAB.DELAY.SERVED}", "30s", "Time between the values that the service level is made of"},
	{"{$CHATLAB.DELAY.SLOW}", "1m", "Time between checks that read metrics"},
	{"{$CHATLAB.FRESH}", "35s", "Age up to which a value of {$CHATLAB.DELAY} says something: three of it"},
	{"{$CHATLAB.FRESH.SLOW}", "3m", "Age up to which a value of {$CHATLAB.DELAY.SLOW} says something: three of it"},
	{"{$CHATLAB.HOUR}", "1h", "Time of the shorter availability"},
	{"{$CHATLAB.DAY}", "1d", "Time of the longer availability and of the error budget"},
	{"{$CHATLAB.SLO}", "99.9", "Availability that is promised, %"},
	{"{$CHATLAB.DELAY.DISCOVERY}", "10m", "Time between discoveries"},
	{"{$CHATLAB.NODATA}", "2m", "Time without an answer of healthd before an alarm"},
	{"{$CHATLAB.DB.PERIOD}", "20s", "Time for which a database must be down"},
	{"{$CHATLAB.UP.PERIOD}", "40s", "Time for which a service must be down: longer than its database"},
	{"{$CHATLAB.RESTART.PERIOD}", "3m", "Time for which a restart is told"},
	{"{$CHATLAB.PERIOD}", "5m", "Time for which a value must be bad"},
}

// common are all of them, and more.
func common(more ...Macro) []Macro {
	return slices.Concat(shared, []Macro{grafanaMacro, nodeMacro}, more)
}

// some are those of the names, and more.
func some(names []string, more ...Macro) []Macro {
	return append(slices.DeleteFunc(slices.Clone(shared), func(m Macro) bool { return !slices.Contains(names, m.Name) }), append(more, grafanaMacro)...)
}

// silent is the trigger that all others on healthd's keys follow.
const silent = "healthd does not answer"

// Macros that name the member of a service that is on the host's own machine.
const (
	authMember = "{$AUTH.MEMBER}"
	chatMember = "{$CHAT.MEMBER}"
	logMember  = "{$LOG.MEMBER}"
)

func member(macro, title string) []Macro {
	return []Macro{{macro, "", "HOST:PORT of this machine's " + title + "; nothing: of all of them together"}}
}

// up are the item and the triggers of a service itself, on this machine. Whether
// the others are enough without it the template of the cluster tells.
func up(service, title, own string, causes ...string) ([]Item, []Trigger) {
	key := "chatlab.up[" + service + "," + own + "]"
	item := Item{Name: title + ": up", Key: key, Delay: "{$CHATLAB.DELAY}", Group: title, ValueMap: upDown,
		Description: "1 when it serves on its own protocol and says that it is ready."}
	return append([]Item{item}, level(service, title, key)...), []Trigger{
		{Name: silent, Expression: "{:" + key + ".nodata({$CHATLAB.NODATA})}=1", Severity: High, Scope: "availability",
			Description: "Nothing is known of the service: healthd or its machine is down, or it does not allow the server.",
			Look:        "Availability on the overview: is the agent of the machine silent, too? Then it is the machine or its network.", Run: "lab logs healthd@{$LAB.NODE}"},
		{Name: title + " is down", Expression: "{:" + key + ".max({$CHATLAB.UP.PERIOD})}=0", Severity: High, Scope: "availability",
			After:       append([]string{silent}, causes...),
			Description: "It does not serve its users, or says that it is not ready.",
			Look:        "Its log: why did it end, or what does it wait for? `lab status` says whether it runs.", Run: "lab logs " + daemonOf[service] + "@{$LAB.NODE}"},
	}
}

// members discovers those of a service.
func members(service, title string) Rule {
	return Rule{
		Name: title + ": members", Key: "chatlab.discovery[" + service + "]", Delay: "{$CHATLAB.DELAY.DISCOVERY}",
		Lost:        "0", // who is named no more is never asked for again
		Description: "Each member by its address. They raise no alarm of their own: that of the member's own machine says that it is down.",
		Items: []Item{{ // the key names the service: no two templates of one host may have the same
			Name: title + " at {#MEMBER}: up", Key: `chatlab.up[` + service + `,"{#MEMBER}"]`, Delay: "{$CHATLAB.DELAY}", Group: title, ValueMap: upDown,
		}},
	}
}

// daemon are the items of a daemon's /metrics: the page as a master item, and
// values of it.
type daemon struct {
	name, title, port string // name in keys; port is a macro
	group             string
}

func (d daemon) master() Item {
	return Item{
		Name: d.title + ": metrics", Key: d.name + ".metrics", Type: HTTPAgent, URL: "http://{HOST.CONN}:" + d.port + "/metrics",
		Delay: "{$CHATLAB.DELAY.SLOW}", ValueType: Text, History: "1h", Group: d.group,
		Description: "The page of the ops listener, which the other values are taken from.",
	}
}

// value is one series of the page. The pattern must fit one series only: 5.0
// takes no sums.
func (d daemon) value(name, key, pattern, units string, more ...Step) Item {
	return Item{
		Name: d.title + ": " + name, Key: d.name + "." + key, Type: Dependent, Master: d.name + ".metrics", ValueType: Float, Units: units, Group: d.group,
		Steps: append([]Step{{"PROMETHEUS_PATTERN", pattern + "\n"}}, more...),
	}
}

// rate is a counter's change a second.
func (d daemon) rate(name, key, pattern string) Item {
	return d.value(name, key, pattern, "!/s", perSecond)
}

// process are the values that every daemon has.
func (d daemon) process() []Item {
	return []Item{
		d.master(),
		d.value("CPU", "process.cpu", "process_cpu_seconds_total", "%", perSecond, Step{"MULTIPLIER", "100"}),
		d.value("memory", "process.memory", "process_resident_memory_bytes", "B"),
		d.value("open files", "process.files", "process_open_fds", "!files"),
		d.value("goroutines", "process.goroutines", "go_goroutines", "!goroutines"),
		d.value("started", "process.started", "process_start_time_seconds", "unixtime"),
	}
}

// StartedAgain ends the name of each trigger that tells of a restart.
const StartedAgain = " was started again"

// restartTrigger tells for a while that the process is another: a killed daemon
// is started again sooner than anybody finds it down.
func (d daemon) restartTrigger(after string) Trigger {
	started := "{:" + d.name + ".process.started."
	return Trigger{Name: d.title + StartedAgain, Severity: Warning, Scope: "notice", After: []string{after},
		Expression:  started + "max({$CHATLAB.RESTART.PERIOD})}>" + started + "min({$CHATLAB.RESTART.PERIOD})}",
		Description: "Its process died, or somebody restarted it.",
		Look:        "The last lines before the restart; out of memory or a panic is there.", Run: d.logs()}
}

// memoryTrigger watches the process' memory.
func (d daemon) memoryTrigger(after string) Trigger {
	return Trigger{Name: d.title + " uses much memory", Expression: "{:" + d.name + ".process.memory.min({$CHATLAB.PERIOD})}>" + d.macro("MEMORY.MAX"),
		Severity: Warning, Scope: "capacity", After: []string{after},
		Description: "Its resident memory is beyond what it needs in a lab of this size.",
		Look:        "Process memory on its dashboard: does it grow steadily, or with the number of users?", Run: d.logs()}
}

// keysBad is the series of authd and chatd that is 1 while their key file is of no use.
const keysBad = "chatlab_token_keys_bad"

// keysTrigger watches the file of the token keys.
func (d daemon) keysTrigger(after string) Trigger {
	return Trigger{Name: d.title + " cannot use its key file", Expression: "{:" + d.name + ".keys.bad.min({$CHATLAB.PERIOD})}=1",
		Severity: High, Scope: "security", After: []string{after},
		Description: "The keys read before are in force: a key that was removed still is, too. Its log says what is wrong with the file.",
		Look:        "The line of its log that names the file.", Run: d.logs()}
}

// daemonOf is the daemon of a service, as `lab logs` names it.
var daemonOf = map[string]string{"auth": "authd", "chat": "chatd", "logd": "logd"}

// logs is the command that shows the daemon's log. A logger's lines are in that of
// its parent.
func (d daemon) logs() string {
	return "lab logs " + strings.TrimSuffix(d.name, "-logger") + "@" + "{$LAB.NODE}"
}

func (d daemon) macro(name string) string {
	return "{$" + strings.ToUpper(strings.ReplaceAll(d.name, "-", ".")) + "." + name + "}"
}

func (d daemon) macros(port, memory string) []Macro {
	return []Macro{
		{d.port, port, "Port of the ops listener of " + d.title},
		{d.macro("MEMORY.MAX"), memory, "Memory of " + d.title},
	}
}

// logger is what relays the events of a daemon.
func logger(d daemon) (items []Item, triggers []Trigger) {
	full := d.title + " has no room for events"
	items = append(d.process(),
		d.rate("events taken", "received", "chatlab_logger_received_total"),
		d.rate("events relayed", "relayed", "chatlab_logger_relayed_total"),
		d.value("lines rejected", "rejected", "chatlab_logger_rejected_total", "!lines"),
		d.value("damaged places", "damaged", "chatlab_logger_damaged_total", "!places"),
		d.value("backlog", "backlog", "chatlab_logger_backlog_bytes", "B"),
		d.value("spool", "spool", "chatlab_logger_spool_bytes", "B"),
	)
	connected := d.value("connected to a log server", "connected", "chatlab_logger_connected", "")
	isFull := d.value("spool is full", "full", "chatlab_logger_spool_full", "")
	connected.ValueMap, isFull.ValueMap = yesNo, yesNo
	items = append(items, connected, isFull)
	return items, []Trigger{
		{Name: full, Expression: "{:" + d.name + ".full.min({$CHATLAB.PERIOD})}=1", Severity: High, Scope: "capacity", After: []string{silent},
			Description: "The log servers were away for so long that the spool is full: the daemon's events wait in its pipe.",
			Look:        "Event backlog on the Events dashboard, and whether a log server answers.", Run: "lab logs logd"},
		{Name: d.title + " rejected lines", Expression: "{:" + d.name + ".rejected.change()}>{$LOGGER.REJECTED.MAX}", Severity: Warning, Scope: "notice", After: []string{silent},
			Description: "A log server refused events for good. They are kept in the spool's folder, beside the spool.",
			Look:        "The log servers' reason for the refusal.", Run: "lab logs logd"},
		{Name: d.title + " found damage in its spool", Expression: "{:" + d.name + ".damaged.change()}>{$LOGGER.DAMAGED.MAX}", Severity: Average, Scope: "notice", After: []string{silent},
			Description: "Records of the spool cannot be read: a disk that fails, or a machine that lost power. They are skipped.",
			Look:        "The places that the logger names, and the kernel's log of the disk.", Run: d.logs()},
		d.memoryTrigger(full),
	}
}

func loggerMacros(d daemon, port string) []Macro {
	return append(d.macros(port, "256M"),
		Macro{"{$LOGGER.REJECTED.MAX}", "0", "Lines that may be rejected between two looks"},
		Macro{"{$LOGGER.DAMAGED.MAX}", "0", "Damaged places that may be found between two looks"},
	)
}
