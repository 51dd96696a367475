package inventory

// neededPorts lists the variables, without "_port", that a service needs.
func neededPorts(service string) []string {
	switch service {
	case Authd:
		return []string{"auth", "authd_ops", "authd_logger_ops"}
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
			p.mistake(1, "name it in a group below `all: children:`, or remove it", "host %s is in no group", n.Name)
		}
	}
	for _, g := range required {
		if len(p.inv.members[g]) == 0 {
			p.mistake(1, "name the machine that carries it: `"+g+": {hosts: {NAME: {}}}`", "group %s has no host", g)
		}
	}
	p.quorum()
	p.ports()
	p.vips()
}

// quorum demands that a service which is one with its members can tell whether
// it is the larger part: two members never can.
func (p *parser) quorum() {
	for _, g := range Quorums {
		if len(p.inv.members[g]) == 2 {
			p.mistake(1, "name a third host in the group, or only one",
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
			p.mistake(1, "give each a port of its own in all.vars", "host %s: %s_port and %s_port are both %s", node, other, name, address)
		}
		taken[address] = name
	}
	for _, g := range groups {
		for _, name := range needs(g) {
			if p.inv.ports[name] == 0 && len(p.inv.members[g]) > 0 {
				p.mistake(1, "add it to `all: vars:`, as in ansible/inventories/local/hosts.yml", "%s_port is missing, which group %s needs", name, g)
			}
		}
		if p.err != nil {
			return
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
