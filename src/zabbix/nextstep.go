package zabbix

import "strings"

// Macros of the links and commands of triggers. Ansible sets them on each host.
var (
	grafanaMacro = Macro{"{$LAB.GRAFANA}", "http://grafana.example:3000", "Address of Grafana, for the links of problems"}
	nodeMacro    = Macro{"{$LAB.NODE}", "NODE", "The machine of this host, for the commands and links of problems"}
)

// about is the description of a trigger in Zabbix: what it means and what to do.
func (tr Trigger) about() string {
	return tr.Description + "\n\nLook at: " + tr.Look + "\nRun: " + tr.Run
}

// dashboard is the address of the Grafana dashboard that shows the trigger's
// host.
func (t Template) dashboard() string {
	switch t.Name {
	case "Chatlab node":
		return grafanaMacro.Name + "/d/chatlab-node?var-node={HOST.HOST}"
	case "Chatlab cluster":
		return grafanaMacro.Name + "/d/chatlab-cluster"
	}
	return grafanaMacro.Name + "/d/chatlab-node?var-node=" + nodeMacro.Name
}

// opData shows, beside a problem, the values that the expression looks at now.
func (tr Trigger) opData() string {
	if strings.Count(tr.Expression, "{:") > 1 {
		return "now {ITEM.LASTVALUE1}, {ITEM.LASTVALUE2}"
	}
	return "now {ITEM.LASTVALUE1}"
}
