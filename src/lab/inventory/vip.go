package inventory

import "net/netip"

// vips are the variables that name an address which moves between the machines of a
// service: for clients that know only one.
var vips = map[string]string{Authd: "auth_vip", Chatd: "chat_vip"}

// VIP returns host:port of the address of a service that is on a machine whose
// own is ready, or "" where the inventory names none.
func (inv *Inventory) VIP(service string) string {
	a, err := netip.ParseAddr(inv.vars[vips[service]])
	if err != nil {
		return ""
	}
	return join(a, inv.ports[publicPorts[service]])
}

// vips demands that each is a free address of the public network, and that
// several machines can have it.
func (p *parser) vips() {
	taken := map[netip.Addr]string{}
	for _, n := range p.inv.Nodes {
		taken[n.Public], taken[n.Private] = "the public_address of "+n.Name, "the private_address of "+n.Name
	}
	for _, service := range []string{Authd, Chatd} {
		if text := p.inv.vars[vips[service]]; text != "" {
			p.vip(service, text, taken)
		}
	}
}

func (p *parser) vip(service, text string, taken map[netip.Addr]string) {
	name := vips[service]
	a, err := netip.ParseAddr(text)
	if err != nil || !a.Is4() {
		p.mistake(p.lines["var "+name], "write an IPv4 address, without port or prefix length", "%s: %q is not an IPv4 address", name, text)
		return
	}
	if other := taken[a]; other != "" {
		p.mistake(p.lines["var "+name], "name a free address of the public network", "%s: %s is also %s", name, a, other)
	}
	taken[a] = "the " + name
	members := p.inv.Members(service)
	if len(members) < 2 {
		p.mistake(p.lines["var "+name], "name several hosts in group "+service+", or remove "+name, "%s: only one host could have it", name)
	}
	for _, n := range members {
		network, err := n.Public.Prefix(24)
		if err != nil || !network.Contains(a) {
			p.mistake(p.lines["var "+name], "name a free address of that network", "%s: %s is not in %s, the public network of %s", name, a, network, n.Name)
		} else if b := a.As4(); b[3] == 0 || b[3] == 255 {
			p.mistake(p.lines["var "+name], "name a free address of that network", "%s: %s is no machine's address in %s", name, a, network)
		}
	}
}
