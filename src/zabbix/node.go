package zabbix

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
		Items:       append(nodeStatus(), append(nodeCPU(), nodeMemory()...)...),
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
			{"{$NODE.FS.INODES.MIN}", "10", "Free inodes, %"},
			{"{$NODE.FS.TYPES}", "^(btrfs|ext[234]|overlay|xfs|zfs)$", "Types of the file systems that are watched"},
			{"{$NODE.FS.NOT}", "^(/(dev|proc|run|sys|etc)(/|$)|/var/lib/docker)", "File systems that are not watched"},
			{"{$NODE.NET.NOT}", "^(lo|veth|docker|br-|virbr|cali|tun|tap|ip6|sit|gre|erspan|dummy)", "Interfaces that are not watched"},
			{"{$NODE.NET.ERRORS.MAX}", "2", "Errors a second of an interface"},
			{"{$NODE.CLOCK.WARN}", "10s", "Difference between the clocks of node and server"},
			{"{$NODE.CLOCK.MAX}", "5m", "Difference between the clocks of node and server"},
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
		{Name: "System: processes", Key: "proc.num[]", Delay: "{$NODE.DELAY}", Group: group},
	}
}

func nodeCPU() []Item {
	const group = "CPU"
	items := []Item{
		{Name: "CPU: number", Key: "system.cpu.num", Delay: "{$NODE.DELAY.SLOW}", Group: group, Steps: []Step{unchanged}},
		{Name: "CPU: use", Key: "system.cpu.used", Type: Dependent, Master: "system.cpu.util[,idle]", ValueType: Float, Units: "%", Group: group,
			Description: "What is not idle.", Steps: []Step{{"JAVASCRIPT", "return 100 - value;"}}},
	}
	for _, mode := range []string{"idle", "user", "system", "iowait"} {
		items = append(items, Item{Name: "CPU: " + mode, Key: "system.cpu.util[," + mode + "]", Delay: "{$NODE.DELAY}", ValueType: Float, Units: "%", Group: group})
	}
	for _, avg := range []string{"avg1", "avg5", "avg15"} {
		items = append(items, Item{Name: "CPU: load " + avg, Key: "system.cpu.load[all," + avg + "]", Delay: "{$NODE.DELAY}", ValueType: Float, Group: group})
	}
	return append(items, Item{Name: "CPU: load avg5 for each CPU", Key: "system.cpu.load[percpu,avg5]", Delay: "{$NODE.DELAY}", ValueType: Float, Group: group})
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
		},
		Triggers: []Trigger{
			{Name: used, Expression: "{:vfs.fs.size[{#FSNAME},pused].min({$NODE.PERIOD})}>{$NODE.FS.MAX}", Severity: High, Scope: "capacity", After: []string{agentDown}},
			{Name: "Disk {#FSNAME} fills up", Expression: "{:vfs.fs.size[{#FSNAME},pused].min({$NODE.PERIOD})}>{$NODE.FS.WARN}", Severity: Warning, Scope: "capacity", After: []string{used}},
			{Name: "Disk {#FSNAME} has few inodes", Expression: "{:vfs.fs.inode[{#FSNAME},pfree].max({$NODE.PERIOD})}<{$NODE.FS.INODES.MIN}", Severity: Average, Scope: "capacity", After: []string{agentDown}},
		},
	}
}

func network() Rule {
	const group = "Network"
	item := func(name, key, units string, steps ...Step) Item {
		return Item{Name: "Network {#IFNAME}: " + name, Key: key, Delay: "{$NODE.DELAY}", ValueType: Float, Units: units, Group: group, Steps: steps}
	}
	bits := []Step{perSecond, {"MULTIPLIER", "8"}}
	return Rule{
		Name: "Network interfaces", Key: "net.if.discovery", Delay: "{$NODE.DELAY.DISCOVERY}", Description: "Interfaces but the loopback and those of containers.",
		Filter: []Condition{{Macro: "{#IFNAME}", Expression: "{$NODE.NET.NOT}", Not: true}},
		Items: []Item{
			item("received", "net.if.in[{#IFNAME}]", "bps", bits...), item("sent", "net.if.out[{#IFNAME}]", "bps", bits...),
			item("errors received", "net.if.in[{#IFNAME},errors]", "", perSecond), item("errors sent", "net.if.out[{#IFNAME},errors]", "", perSecond),
			item("dropped received", "net.if.in[{#IFNAME},dropped]", "", perSecond), item("dropped sent", "net.if.out[{#IFNAME},dropped]", "", perSecond),
		},
		Triggers: []Trigger{{
			Name:       "Network {#IFNAME} has errors",
			Expression: "{:net.if.in[{#IFNAME},errors].min({$NODE.PERIOD})}>{$NODE.NET.ERRORS.MAX} or {:net.if.out[{#IFNAME},errors].min({$NODE.PERIOD})}>{$NODE.NET.ERRORS.MAX}",
			Severity:   Warning, Scope: "performance", After: []string{agentDown},
		}},
	}
}

func nodeTriggers() []Trigger {
	after := []string{agentDown}
	return []Trigger{
		{Name: agentDown, Expression: "{:zabbix[host,agent,available].max({$NODE.AGENT.PERIOD})}=0", Severity: High, Scope: "availability",
			Description: "The machine, its network or the agent is down; or the agent does not allow the server."},
		{Name: "CPU use is high", Expression: "{:system.cpu.used.min({$NODE.PERIOD})}>{$NODE.CPU.MAX}", Severity: Warning, Scope: "performance", After: after},
		{Name: "Load is high", Expression: "{:system.cpu.load[percpu,avg5].min({$NODE.PERIOD})}>{$NODE.LOAD.MAX}", Severity: Average, Scope: "performance", After: []string{"CPU use is high"}},
		{Name: "Memory is short", Expression: "{:vm.memory.size[pavailable].max({$NODE.PERIOD})}<{$NODE.MEMORY.MIN}", Severity: Average, Scope: "capacity", After: after},
		{Name: clockFarOff, Expression: "{:system.localtime.fuzzytime({$NODE.CLOCK.MAX})}=0", Severity: High, Scope: "availability", After: after,
			Description: "Tokens made where the clock is ahead are refused elsewhere, those made where it is behind end too soon; events and lines have a wrong time: see whether chronyd runs."},
		{Name: "The clock is wrong", Expression: "{:system.localtime.fuzzytime({$NODE.CLOCK.WARN})}=0", Severity: Warning, Scope: "notice", After: []string{clockFarOff},
			Description: "Tokens and events go by the clock; a token that is more than 5 s from the future is refused: see whether chronyd runs."},
	}
}
