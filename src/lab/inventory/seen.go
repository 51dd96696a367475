package inventory

import (
	"fmt"
	"slices"
	"strings"
)

// Differences returns where Ansible sees another lab than `lab` reads in the file:
// by -e, by group_vars, by a second inventory. Each is a mistake, since checks would
// look for services where the playbook did not put them.
func (inv *Inventory) Differences(seen *Inventory) []Mistake {
	p := newParser(inv.Path)
	for _, n := range inv.Nodes {
		other, there := seen.Node(n.Name)
		switch {
		case !there:
			p.differs("host "+n.Name, "is in the inventory", "not there")
		case other != n:
			p.differs("host "+n.Name, fmt.Sprintf("has %s and %s", n.Public, n.Private), fmt.Sprintf("%s and %s", other.Public, other.Private))
		}
	}
	for _, n := range seen.Nodes {
		if _, there := inv.Node(n.Name); !there {
			p.differs("host "+n.Name, "is not in the inventory", "there")
		}
	}
	for _, g := range groups {
		if have, other := names(inv.Members(g)), names(seen.Members(g)); have != other {
			p.differs("group "+g, "has "+have, other)
		}
	}
	for _, name := range append(slices.Clone(labPorts), "auth_vip", "chat_vip", "password_min_length") {
		if have, other := inv.vars[name], seen.vars[name]; have != other {
			p.differs(name, "is "+orNothing(have), orNothing(other))
		}
	}
	for _, service := range []string{Authd, Chatd} {
		if have, other := inv.TLS(service), seen.TLS(service); have != other {
			p.differs(edges[service], fmt.Sprintf("is %t", have), fmt.Sprint(other))
		}
	}
	return p.mistakes
}

func (p *parser) differs(what, here, there string) {
	p.mistake(0, "write it into the inventory's `all:`, which `lab` reads too, and not with -e or elsewhere", "%s %s, and for Ansible %s", what, here, there)
}

func names(nodes []Node) string {
	var out []string
	for _, n := range nodes {
		out = append(out, n.Name)
	}
	slices.Sort(out)
	return orNothing(strings.Join(out, ", "))
}

func orNothing(text string) string {
	if text == "" {
		return "not set"
	}
	return text
}
