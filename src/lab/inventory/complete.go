package inventory

import (
	"fmt"
	"slices"
	"strings"
)

// neededPorts lists the variables, without "_port", that a service needs.
func neededPorts(service string) []string {
	switch service {
	case Authd:
		return []string{"auth", "authd_ops", "authd_logger_ops", authPrivate}
	case Chatd:
		return []string{"chat", "chatd_ops", "chatd_logger_ops"}
	case Logd, Healthd:
		return []string{service, service + "_ops"}
	case MariaDB, MongoDB:
		return []string{service}
	}
	return nil
}

// complete looks at the inventory as a whole.
func (p *parser) complete() {
	used := map[string]bool{}
	for _, g := range groups {
		for _, name := range p.inv.members[g] {
			used[name] = true
		}
	}
	for _, n := range p.inv.Nodes {
		if !used[n.Name] {
			p.mistake(p.lines["host "+n.Name], "name it in a group below `all: children:`, or remove it", "host %s is in no group", n.Name)
		}
	}
	for _, g := range required {
		if len(p.inv.members[g]) == 0 {
			p.mistake(p.lines["group "+g], "name the machine that carries it: `"+g+": {hosts: {NAME: {}}}`", "group %s has no host", g)
		}
	}
	p.quorum()
	p.most()
	p.ports()
	p.edges()
	if len(p.mistakes) == 0 { // an address that moves is looked for among the machines' own
		p.vips()
	}
}

// most are the hosts that a group may have: a set of MongoDB has at most seven votes.
var most = map[string]int{MongoDB: 7, ZabbixServer: 1, Grafana: 1}

// most demands that no group has more hosts than its role can run.
func (p *parser) most() {
	for _, g := range groups {
		if n := len(p.inv.members[g]); most[g] > 0 && n > most[g] {
			p.mistake(p.lines["group "+g], fmt.Sprintf("leave %d in it", most[g]), "group %s has %d hosts: its role runs %d at most", g, n, most[g])
		}
	}
	if len(p.inv.members[MongoDB]) > 1 && truth(p.inv.vars["mongodb_embedded"]) {
		p.mistake(p.lines["group "+MongoDB], "leave one host in it, or run MongoDB of its vendor: mongodb_embedded: false",
			"group %s has %d hosts: the embedded log database has no replicas", MongoDB, len(p.inv.members[MongoDB]))
	}
	if len(p.inv.members[Authd]) > 1 && len(p.inv.members[MariaDB]) == 0 {
		p.mistake(p.lines["group "+Authd], "name the machines of MariaDB in group mariadb, or leave one auth server",
			"group %s has %d hosts, and group %s none: auth servers share their users in MariaDB", Authd, len(p.inv.members[Authd]), MariaDB)
	}
}

// truth returns how Ansible reads a value as yes or no.
func truth(value string) bool {
	return slices.Contains([]string{"true", "yes", "on", "1", "y", "t"}, strings.ToLower(value))
}

// quorum demands that a service which is one with its members can tell whether
// it is the larger part: two members never can.
func (p *parser) quorum() {
	for _, g := range Quorums {
		if len(p.inv.members[g]) == 2 {
			p.mistake(p.lines["group "+g], "name a third host in the group, or only one",
				"group %s has two hosts: when one is away, the other cannot tell whether it is the one cut off (no quorum)", g)
		}
	}
}

// ports demands each port that is needed, and no two of a machine the same on
// one network.
func (p *parser) ports() {
	taken := map[string]string{}
	needs := func(service string) []string {
		if name, ok := peerPorts[service]; ok && len(p.inv.members[service]) > 1 {
			return append(neededPorts(service), name)
		}
		return neededPorts(service)
	}
	claim := func(address, name, node string) {
		if other, twice := taken[address]; twice {
			p.mistake(p.lines["var "+name+"_port"], "give each a port of its own in `all: vars:`", "host %s: %s_port and %s_port are both %s", node, other, name, address)
		}
		taken[address] = name
	}
	for _, g := range groups {
		for _, name := range needs(g) {
			if p.inv.ports[name] == 0 && len(p.inv.members[g]) > 0 {
				p.mistake(0, "add it to `all: vars:`, as in ansible/inventories/lab/hosts.yml", "%s_port is missing, which group %s needs", name, g)
			}
		}
		if len(p.mistakes) > 0 {
			continue
		}
		for _, n := range p.inv.Members(g) {
			for i, name := range needs(g) {
				if i == 0 {
					claim(p.inv.Address(g, n), name, n.Name)
				} else {
					claim(join(n.Private, p.inv.ports[name]), name, n.Name)
				}
			}
		}
	}
}
