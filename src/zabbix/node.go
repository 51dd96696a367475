package zabbix

import "slices"

// agentDown is the trigger that all others of a node follow.
const agentDown = "The agent does not answer"

// clockFarOff is raised beyond the five minutes that Kerberos, too, draws the line at.
const clockFarOff = "The clock is wrong by minutes"

// node watches a machine through Zabbix's own agent, by keys that are the same
// in every release.
func node() Template {
	return Template{
		Name:        "Chatlab node",
		Description: "A machine of the lab: CPU, memory, disks, network, clock, and the agent itself. For Zabbix's agent or agent 2 of any release.",
		Items:       slices.Concat(nodeStatus(), nodeCPU(), nodeMemory(), nodeIO()),
		Rules:       []Rule{disks(), network()},
		Triggers:    nodeTriggers(),
		Macros: []Macro{
			{"{$NODE.DELAY}", "1m", "Time between checks"},
			{"{$NODE.DELAY.SLOW}", "10m", "Time between checks of what seldom changes"},
			{"{$NODE.DELAY.DISCOVERY}", "1h", "Time between discoveries"},
			{"{$NODE.AGENT.PERIOD}", "3m", "Time without the agent before an alarm"},
			{"{$NODE.PERIOD}", "5m", "Time for which a value must be bad"},
			{"{$NODE.CPU.MAX}", "90", "CPU use, %"},
			{"{$NODE.LOAD.MAX}", "3", "Load average for each CPU"},
			{"{$NODE.MEMORY.MIN}", "10", "Available memory, %"},
			{"{$NODE.FS.WARN}", "80", "Use of a file system, %"},
			{"{$NODE.FS.MAX}", "90", "Use of a file system, %"},
			{"{$NODE.FS.FORECAST}", "6h", "Time whose growth the forecast of a file system continues"},
			{"{$NODE.FS.AHEAD}", "4", "How many times that time the forecast looks ahead: to a day"},
			{"{$NODE.FS.FORECAST.FROM}", "60", "Use of a file system from which on its forecast may raise a problem, %"},
			{"{$NODE.FS.INODES.MIN}", "10", "Free inodes, %"},
			{"{$NODE.FS.TYPES}", "^(btrfs|ext[234]|overlay|xfs|zfs)$", "Types of the file systems that are watched"},
			{"{$NODE.FS.NOT}", "^(/(dev|proc|run|sys|etc)(/|$)|/var/lib/docker)", "File systems that are not watched"},
			{"{$NODE.NET.NOT}", "^(lo|veth|docker|br-|virbr|cali|tun|tap|ip6|sit|gre|erspan|dummy)", "Interfaces that are not watched"},
			{"{$NODE.NET.ERRORS.MAX}", "2", "Errors a second of an interface"},
			{"{$NODE.CLOCK.WARN}", "10s", "Difference between the clocks of node and server"},
			{"{$NODE.CLOCK.MAX}", "5m", "Difference between the clocks of node and server"},
			grafanaMacro,
		},
	}
}

func nodeStatus() []Item {
	const group = "Status"
	return []Item{
		{Name: "Agent: availability", Key: "zabbix[host,agent,available]", Type: Internal, Delay: "{$NODE.DELAY}", Group: group, ValueMap: available,
			Description: "Whether the server reaches the agent."},
		{Name: "Agent: ping", Key: "agent.ping", Delay: "{$NODE.DELAY}", Group: group, ValueMap: upDown, Description: "1 while the agent answers."},
		{Name: "Agent: version", Key: "agent.version", Delay: "{$NODE.DELAY.SLOW}", ValueType: Char, Group: group, Steps: []Step{unchanged}},
		{Name: "System: host name", Key: "system.hostname", Delay: "{$NODE.DELAY.SLOW}", ValueType: Char, Group: group, Steps: []Step{unchanged}},
		{Name: "System: description", Key: "system.uname", Delay: "{$NODE.DELAY.SLOW}", ValueType: Char, Group: group, Steps: []Step{unchanged}},
		{Name: "System: uptime", Key: "system.uptime", Delay: "{$NODE.DELAY}", Units: "uptime", Group: group},
		{Name: "System: local time", Key: "system.localtime", Delay: "{$NODE.DELAY}", Units: "unixtime", Group: group},
		{Name: "System: processes", Key: "proc.num[]", Delay: "{$NODE.DELAY}", Units: "!processes", Group: group},
	}
}

func nodeCPU() []Item {
	const group = "CPU"
	items := []Item{
		{Name: "CPU: number", Key: "system.cpu.num", Delay: "{$NODE.DELAY.SLOW}", Units: "!processors", Group: group, Steps: []Step{unchanged}},
		{Name: "CPU: use", Key: "system.cpu.used", Type: Dependent, Master: "system.cpu.util[,idle]", ValueType: Float, Units: "%", Group: group,
			Description: "What is not idle.", Steps: []Step{{"JAVASCRIPT", "return 100 - value;"}}},
	}
	for _, mode := range []string{"idle", "user", "system", "iowait"} {
		items = append(items, Item{Name: "CPU: " + mode, Key: "system.cpu.util[," + mode + "]", Delay: "{$NODE.DELAY}", ValueType: Float, Units: "%", Group: group})
	}
	for _, avg := range []string{"avg1", "avg5", "avg15"} {
		items = append(items, Item{Name: "CPU: load " + avg + " for each CPU", Key: "system.cpu.load[percpu," + avg + "]", Delay: "{$NODE.DELAY}", ValueType: Float,
			Units: "!processes", Group: group, Description: "Processes that run or want to, for each processor."})
	}
	return items
}

func nodeMemory() []Item {
	const group = "Memory"
	return []Item{
		{Name: "Memory: total", Key: "vm.memory.size[total]", Delay: "{$NODE.DELAY.SLOW}", Units: "B", Group: group, Steps: []Step{unchanged}},
		{Name: "Memory: available", Key: "vm.memory.size[available]", Delay: "{$NODE.DELAY}", Units: "B", Group: group},
		{Name: "Memory: available in %", Key: "vm.memory.size[pavailable]", Delay: "{$NODE.DELAY}", ValueType: Float, Units: "%", Group: group},
		{Name: "Memory: use in %", Key: "vm.memory.used", Type: Dependent, Master: "vm.memory.size[pavailable]", ValueType: Float, Units: "%", Group: group,
			Steps: []Step{{"JAVASCRIPT", "return 100 - value;"}}},
		{Name: "Swap: total", Key: "system.swap.size[,total]", Delay: "{$NODE.DELAY.SLOW}", Units: "B", Group: group, Steps: []Step{unchanged}},
		// Zabbix 5.0 does not support system.swap.size[,free] on a machine without swap.
		{Name: "Swap: free", Key: `vfs.file.regexp[/proc/meminfo,"^SwapFree: +([0-9]+)",,,,\1]`, Delay: "{$NODE.DELAY}", Units: "B", Group: group,
			Steps: []Step{{"MULTIPLIER", "1024"}}},
	}
}

// nodeIO are the operations of all block devices, as the kernel counts them.
func nodeIO() []Item {
	item := func(name, key string) Item {
		return Item{Name: "Disk I/O: " + name, Key: key, Delay: "{$NODE.DELAY}", ValueType: Float, Units: "!/s", Group: "Disk", Steps: []Step{perSecond},
			Description: "Of all block devices. An operation on a partition counts at its disk, too."}
	}
	return []Item{item("reads", "vfs.dev.read[,operations]"), item("writes", "vfs.dev.write[,operations]")}
}

// forecast continues the growth of the last hours. Zabbix's own function makes the
// item unsupported while it has no value, which 5.0 then leaves alone for ten minutes.
func forecast(key string) string {
	now, before := `sum("`+key+`",#1)`, `sum("`+key+`",#1,{$NODE.FS.FORECAST})`
	return now + "+(" + now + "-" + before + ")*(" + before + ">0)*{$NODE.FS.AHEAD}"
}

func disks() Rule {
	const group = "Disk"
	item := func(name, mode string, valueType, units string) Item {
		return Item{Name: "Disk {#FSNAME}: " + name, Key: "vfs.fs.size[{#FSNAME}," + mode + "]", Delay: "{$NODE.DELAY}", ValueType: valueType, Units: units, Group: group}
	}
	used := "Disk {#FSNAME} is full"
	return Rule{
		Name: "Disks", Key: "vfs.fs.discovery", Delay: "{$NODE.DELAY.DISCOVERY}", Description: "Mounted file systems.",
		Filter: []Condition{{Macro: "{#FSTYPE}", Expression: "{$NODE.FS.TYPES}"}, {Macro: "{#FSNAME}", Expression: "{$NODE.FS.NOT}", Not: true}},
		Items: []Item{
			item("total", "total", "", "B"), item("used", "used", "", "B"), item("use in %", "pused", Float, "%"),
			{Name: "Disk {#FSNAME}: free inodes in %", Key: "vfs.fs.inode[{#FSNAME},pfree]", Delay: "{$NODE.DELAY}", ValueType: Float, Units: "%", Group: group},
			{Name: "Disk {#FSNAME}: use expected in a day", Key: "fs.forecast[{#FSNAME}]", Type: Calculated, Delay: "{$NODE.DELAY}", ValueType: Float, Units: "%", Group: group,
				Formula:     forecast("vfs.fs.size[{#FSNAME},pused]"),
				Steps:       []Step{validated},
				Description: "If it goes on growing as in the last hours. Above 100 it will be full before. While less is known, the use of now."},
		},
		Triggers: []Trigger{
			{Name: used, Expression: "{:vfs.fs.size[{#FSNAME},pused].min({$NODE.PERIOD})}>{$NODE.FS.MAX}", Severity: High, Scope: "capacity", After: []string{agentDown},
				Description: "Little room is left on {#FSNAME}. When none is left, databases, spools and the chat log refuse to store.",
				Look:        "Disks on the Node dashboard: did it fill slowly or at once? Then the largest folders.", Run: "lab exec {HOST.HOST} -- du -xh --max-depth=2 {#FSNAME}"},
			{Name: "Disk {#FSNAME} fills up", Expression: "{:vfs.fs.size[{#FSNAME},pused].min({$NODE.PERIOD})}>{$NODE.FS.WARN}", Severity: Warning, Scope: "capacity", After: []string{used},
				Description: "{#FSNAME} is fuller than it should be, and nothing has failed yet.",
				Look:        "Disks and Disk forecast on the Node dashboard: how long until it is full?", Run: "lab exec {HOST.HOST} -- df -h {#FSNAME}"},
			{Name: "Disk {#FSNAME} will be full within a day", Severity: Warning, Scope: "capacity", After: []string{"Disk {#FSNAME} fills up"},
				Expression:  "{:fs.forecast[{#FSNAME}].min({$NODE.PERIOD})}>{$NODE.FS.MAX} and {:vfs.fs.size[{#FSNAME},pused].min({$NODE.PERIOD})}>{$NODE.FS.FORECAST.FROM}",
				Description: "At the pace of the last hours {#FSNAME} is full a day from now.",
				Look:        "Disk forecast on the Node dashboard, and what began to grow then.", Run: "lab exec {HOST.HOST} -- du -xh --max-depth=2 {#FSNAME}"},
			{Name: "Disk {#FSNAME} has few inodes", Expression: "{:vfs.fs.inode[{#FSNAME},pfree].max({$NODE.PERIOD})}<{$NODE.FS.INODES.MIN}", Severity: Average, Scope: "capacity", After: []string{agentDown},
				Description: "{#FSNAME} has room, but can hold few more files.",
				Look:        "Free inodes on the Node dashboard; a folder with very many small files.", Run: "lab exec {HOST.HOST} -- df -i {#FSNAME}"},
		},
	}
}

func network() Rule {
	const group = "Network"
	item := func(name, key, units string, steps ...Step) Item {
		return Item{Name: "Network {#IFNAME}: " + name, Key: key, Delay: "{$NODE.DELAY}", ValueType: Float, Units: units, Group: group, Steps: steps}
	}
	return Rule{
		Name: "Network interfaces", Key: "net.if.discovery", Delay: "{$NODE.DELAY.DISCOVERY}", Description: "Interfaces but the loopback and those of containers.",
		Filter: []Condition{{Macro: "{#IFNAME}", Expression: "{$NODE.NET.NOT}", Not: true}},
		Items: []Item{
			item("received", "net.if.in[{#IFNAME}]", "bps", bits...), item("sent", "net.if.out[{#IFNAME}]", "bps", bits...),
			item("errors received", "net.if.in[{#IFNAME},errors]", "!/s", perSecond), item("errors sent", "net.if.out[{#IFNAME},errors]", "!/s", perSecond),
			item("dropped received", "net.if.in[{#IFNAME},dropped]", "!/s", perSecond), item("dropped sent", "net.if.out[{#IFNAME},dropped]", "!/s", perSecond),
		},
		Triggers: []Trigger{{
			Name:       "Network {#IFNAME} has errors",
			Expression: "{:net.if.in[{#IFNAME},errors].min({$NODE.PERIOD})}>{$NODE.NET.ERRORS.MAX} or {:net.if.out[{#IFNAME},errors].min({$NODE.PERIOD})}>{$NODE.NET.ERRORS.MAX}",
			Severity:   Warning, Scope: "performance", After: []string{agentDown},
			Description: "Packets are damaged on the way: a cable, a switch, a driver or a virtual machine's host.",
			Look:        "Network errors and drops on the Node dashboard: one direction or both, one machine or several?", Run: "lab exec {HOST.HOST} -- ip -s link show {#IFNAME}",
		}},
	}
}

func nodeTriggers() []Trigger {
	after := []string{agentDown}
	return []Trigger{
		{Name: agentDown, Expression: "{:zabbix[host,agent,available].max({$NODE.AGENT.PERIOD})}=0", Severity: High, Scope: "availability",
			Description: "The machine, its network or the agent is down; or the agent does not allow the server.",
			Look:        "Availability on the overview: is healthd of this machine silent, too? Then it is the machine or its network.", Run: "lab status"},
		{Name: "CPU use is high", Expression: "{:system.cpu.used.min({$NODE.PERIOD})}>{$NODE.CPU.MAX}", Severity: Warning, Scope: "performance", After: after,
			Description: "The processors have nearly no idle time. Sign-ins, which cost much of it, become slow first.",
			Look:        "CPU and CPU of the services on the Node dashboard: is it a service of the lab?", Run: "lab exec {HOST.HOST} -- top -b -n 1"},
		{Name: "Load is high", Expression: "{:system.cpu.load[percpu,avg5].min({$NODE.PERIOD})}>{$NODE.LOAD.MAX}", Severity: Average, Scope: "performance", After: []string{"CPU use is high"},
			Description: "More processes want to run, or wait for disks, than the machine has processors.",
			Look:        "CPU on the Node dashboard: much time waiting for disks means a slow disk, not too few processors.", Run: "lab exec {HOST.HOST} -- top -b -n 1"},
		{Name: "Memory is short", Expression: "{:vm.memory.size[pavailable].max({$NODE.PERIOD})}<{$NODE.MEMORY.MIN}", Severity: Average, Scope: "capacity", After: after,
			Description: "Little memory is available. When none is left, the kernel kills a process.",
			Look:        "Memory of the services on the Node dashboard: which of them grows?", Run: "lab exec {HOST.HOST} -- ps -eo pid,rss,args --sort=-rss"},
		{Name: clockFarOff, Expression: "{:system.localtime.fuzzytime({$NODE.CLOCK.MAX})}=0", Severity: High, Scope: "availability", After: after,
			Description: "Tokens made where the clock is ahead are refused elsewhere, those made where it is behind end too soon; events and lines have a wrong time.",
			Look:        "Whether chronyd runs and reaches a source.", Run: "lab exec {HOST.HOST} -- chronyc tracking"},
		{Name: "The clock is wrong", Expression: "{:system.localtime.fuzzytime({$NODE.CLOCK.WARN})}=0", Severity: Warning, Scope: "notice", After: []string{clockFarOff},
			Description: "Tokens and events go by the clock; a token that is more than 5 s from the future is refused.",
			Look:        "Whether chronyd runs and reaches a source.", Run: "lab exec {HOST.HOST} -- chronyc tracking"},
	}
}
