package inventory

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// groups that an inventory may have, and those that it must.
var (
	groups   = []string{MariaDB, MongoDB, Logd, Authd, Chatd, Healthd, ZabbixServer, Grafana}
	required = []string{MongoDB, Logd, Authd, Chatd}
)

// Parse reads the text of an inventory; path is for messages. Fails with code
// usage and the first mistake in it.
func Parse(path string, text []byte) (*Inventory, error) {
	inv, mistakes := Check(path, text)
	return inv, firstError(mistakes)
}

// Check is Parse with all mistakes; the inventory is nil if there is one.
func Check(path string, text []byte) (*Inventory, []Mistake) {
	p := newParser(path)
	p.read(text)
	return p.result()
}

// parser keeps the mistakes in the order of the file.
type parser struct {
	path     string
	inv      *Inventory
	lines    map[string]int // of "host NAME", "group NAME" and "var NAME" of all.vars
	mistakes []Mistake
}

func newParser(path string) *parser {
	inv := &Inventory{Path: path, members: map[string][]string{}, ports: map[string]int{}, vars: map[string]string{}}
	return &parser{path: path, inv: inv, lines: map[string]int{}}
}

func (p *parser) result() (*Inventory, []Mistake) {
	if len(p.mistakes) > 0 {
		return nil, p.mistakes
	}
	return p.inv, nil
}

// entry is one key of a YAML mapping.
type entry struct {
	key   string
	line  int
	value *yaml.Node
}

// mistake names the fault of a line, and the fix.
func (p *parser) mistake(line int, fix, format string, args ...any) {
	m := Mistake{File: p.path, Line: line, What: fmt.Sprintf(format, args...), Fix: fix}
	if !slices.Contains(p.mistakes, m) {
		p.mistakes = append(p.mistakes, m)
	}
}

func (p *parser) read(text []byte) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		p.mistake(0, "correct the YAML", "%s", strings.Join(strings.Fields(err.Error()), " "))
		return
	}
	if len(doc.Content) == 0 {
		p.mistake(1, "copy ansible/inventories/local/hosts.yml and change it", "empty")
		return
	}
	parts := map[string]*yaml.Node{}
	for _, e := range p.entries(doc.Content[0], "the file") {
		if e.key != "all" {
			p.mistake(e.line, "move it below `all:`", "unknown key %q beside `all`", e.key)
			continue
		}
		for _, part := range p.entries(e.value, "all") {
			if !slices.Contains([]string{"vars", "hosts", "children"}, part.key) {
				p.mistake(part.line, "only vars, hosts and children may stand there", "unknown key %q below `all`", part.key)
			}
			parts[part.key] = part.value
		}
	}
	p.vars(parts["vars"])
	p.hosts(parts["hosts"])
	p.groups(parts["children"])
	if len(p.mistakes) == 0 { // the lab as a whole makes no sense of a half
		p.inv.text = text
		p.complete()
	}
}

// entries lists a mapping; a key that comes twice is a mistake, no value at
// all an empty mapping.
func (p *parser) entries(n *yaml.Node, what string) []entry {
	if n == nil || (n.Kind == yaml.ScalarNode && n.Tag == "!!null") {
		return nil
	}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		p.mistake(n.Line, "write `name: value` lines, indented", "%s is not a mapping", what)
		return nil
	}
	var out []entry
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if first, twice := seen[key.Value]; twice {
			p.mistake(key.Line, "remove one of the two", "%s has %q twice, first in line %d", what, key.Value, first)
		}
		seen[key.Value] = key.Line
		out = append(out, entry{key.Value, key.Line, n.Content[i+1]})
	}
	return out
}

// scalar returns the text of a single value.
func (p *parser) scalar(e entry, what string) string {
	n := e.value
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.ScalarNode {
		p.mistake(e.line, "write one value after the colon", "%s: %s is not a single value", what, e.key)
		return ""
	}
	return n.Value
}

func (p *parser) vars(n *yaml.Node) {
	p.inv.ports[authPrivate] = authPrivatePort
	for _, e := range p.entries(n, "all.vars") {
		p.spelling(e, "all.vars")
		p.lines["var "+e.key] = e.line
		v := e.value
		if v.Kind != yaml.ScalarNode {
			continue // Ansible's own lists and mappings are none of ours
		}
		p.inv.vars[e.key] = v.Value
		if name, isPort := strings.CutSuffix(e.key, "_port"); isPort {
			port, err := strconv.Atoi(v.Value)
			if err != nil || port < 1 || port > 65535 {
				p.mistake(e.line, "write a number from 1 to 65535", "%s: %q is not a port", e.key, v.Value)
			}
			p.inv.ports[name] = port
		}
		if e.key == "password_refuse_common" {
			if _, err := strconv.ParseBool(v.Value); err != nil {
				p.mistake(e.line, "write true or false", "%s: %q is neither", e.key, v.Value)
			}
		}
		if e.key == "password_min_length" {
			if n, err := strconv.Atoi(v.Value); err != nil || n < 1 || n > 128 {
				p.mistake(e.line, "write a number from 1 to 128", "%s: %q is not a length", e.key, v.Value)
			}
		}
	}
}

func (p *parser) hosts(n *yaml.Node) {
	taken := map[netip.Addr]string{}
	for _, host := range p.entries(n, "all.hosts") {
		node, before := Node{Name: host.key}, len(p.mistakes)
		p.lines["host "+host.key] = host.line
		if !goodName(host.key) {
			p.mistake(host.line, "use letters, digits and - only", "host %q: not a name", host.key)
		}
		vars := p.entries(host.value, "host "+host.key)
		p.own(vars, "host "+host.key)
		for _, e := range vars {
			var into *netip.Addr
			switch e.key {
			case "public_address":
				into = &node.Public
			case "private_address":
				into = &node.Private
			default:
				continue
			}
			*into = p.address(e, host.key)
			if other, twice := taken[*into]; twice && into.IsValid() {
				p.mistake(e.line, "give each host and network an address of its own", "host %s: %s %s is also the %s", host.key, e.key, into, other)
			}
			taken[*into] = e.key + " of " + host.key
		}
		if len(p.mistakes) == before { // a wrong address is not a missing one
			p.networks(host, node)
		}
		p.inv.Nodes = append(p.inv.Nodes, node)
	}
	if len(p.inv.Nodes) == 0 {
		p.mistake(1, "list the machines below `all: hosts:`", "no hosts")
	}
}

func (p *parser) address(e entry, host string) netip.Addr {
	text := p.scalar(e, "host "+host)
	a, err := netip.ParseAddr(text)
	switch {
	case err != nil:
		p.mistake(e.line, "write an IP address, without port or prefix length", "host %s: %s %q is not an IP address", host, e.key, text)
	case a.IsUnspecified() || a.IsMulticast():
		p.mistake(e.line, "write the address of one machine", "host %s: %s %s is not the address of one machine", host, e.key, a)
	}
	return a
}

func (p *parser) networks(host entry, n Node) {
	switch {
	case !n.Public.IsValid():
		p.mistake(host.line, "add public_address: its address on the users' network", "host %s: public_address is missing", n.Name)
	case !n.Private.IsValid():
		p.mistake(host.line, "add private_address: its address on the services' network", "host %s: private_address is missing", n.Name)
	case n.Public.Is4() && n.Private.Is4():
		network, _ := n.Public.Prefix(24)
		if network.Contains(n.Private) {
			p.mistake(host.line, "put the two networks into different /24s", "host %s: %s and %s are in the same network", n.Name, n.Public, n.Private)
		}
	}
}

func (p *parser) groups(n *yaml.Node) {
	for _, g := range p.entries(n, "all.children") {
		if !slices.Contains(groups, g.key) {
			p.mistake(g.line, groupFix(g.key), "unknown group %q", g.key)
			continue
		}
		p.lines["group "+g.key] = g.line
		named := map[string]bool{}
		for _, part := range p.entries(g.value, "group "+g.key) {
			switch part.key {
			case "vars":
				p.own(p.entries(part.value, "group "+g.key), "group "+g.key)
			case "hosts":
				for _, h := range p.entries(part.value, "group "+g.key) {
					p.own(p.entries(h.value, "host "+h.key), "host "+h.key)
					if _, known := p.inv.Node(h.key); !known {
						p.mistake(h.line, "add it to `all: hosts:`, or remove it here", "group %s: unknown host %q", g.key, h.key)
					}
					named[h.key] = true
				}
			default:
				p.mistake(part.line, "list its machines below `hosts:`", "group %s: unknown key %q", g.key, part.key)
			}
		}
		for _, node := range p.inv.Nodes {
			if named[node.Name] {
				p.inv.members[g.key] = append(p.inv.members[g.key], node.Name)
			}
		}
	}
}

// groupFix names the group that was meant, and all that there are.
func groupFix(name string) string {
	fix := "known groups: " + strings.Join(groups, " ")
	if meant := nearest(name, groups, 1+len(name)/4); meant != "" {
		fix = "write " + meant + "; " + fix
	}
	return fix
}

func goodName(s string) bool {
	ok := s != "" && len(s) <= 63 && s[0] != '-'
	for _, r := range s {
		ok = ok && (r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z')
	}
	return ok
}
