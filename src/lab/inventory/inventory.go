// Package inventory reads the description of a lab: an Ansible inventory in
// YAML, the one source of its addresses. It is as strict as it can be without
// knowing Ansible: each mistake is one line that names the file, the host or
// group, and the fix.
package inventory

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"chatlab/src/errs"
)

// Inventory is a lab: its nodes, which services each carries, and its ports.
type Inventory struct {
	// Path is the file that was read.
	Path string

	// Nodes are in the order of the file.
	Nodes []Node

	// Instance is the number that OfInstance was given, 0 for the inventory as it was read.
	Instance int

	members map[string][]string // group → node names, in the order of the nodes
	ports   map[string]int      // "auth" for auth_port
	vars    map[string]string   // every scalar of all.vars
	text    []byte              // in YAML
}

// Node is one machine with a foot in both networks.
type Node struct {
	Name    string
	Public  netip.Addr // where users are
	Private netip.Addr // where the services speak to each other
}

// Services that a group of an inventory may name, in the order of their start.
const (
	MariaDB      = "mariadb"
	MongoDB      = "mongodb"
	Logd         = "logd"
	Authd        = "authd"
	Chatd        = "chatd"
	Healthd      = "healthd"
	ZabbixServer = "zabbix_server"
	Grafana      = "grafana"
)

// Quorums are the services whose members decide together: one, three or more.
var Quorums = []string{MariaDB, MongoDB, Chatd}

// Load reads an inventory: a YAML file or a folder with hosts.yml as it stands there,
// any other source as Ansible reads it. Fails with code usage and the first mistake.
func Load(path string) (*Inventory, error) {
	inv, mistakes, err := CheckFile(path)
	if err != nil {
		return nil, err
	}
	return inv, firstError(mistakes)
}

// CheckFile is Load with all mistakes, those in group_vars and host_vars beside it
// too. It fails with code usage where the source cannot be read.
func CheckFile(path string) (*Inventory, []Mistake, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, errs.E(errs.Usage, "inventory: %w", err).WithFix("name a folder or file with --inventory")
	}
	if file := filepath.Join(path, "hosts.yml"); info.IsDir() && exists(file) {
		path = file
	} else if info.IsDir() || !slices.Contains([]string{".yml", ".yaml", ".json"}, filepath.Ext(path)) {
		return readByAnsible(path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, errs.E(errs.Usage, "inventory: %w", err).WithFix("name a folder or file with --inventory")
	}
	p := newParser(path)
	p.read(text)
	p.beside(path)
	inv, mistakes := p.result()
	return inv, mistakes, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Text returns the inventory in YAML, also where its source is in another format.
func (inv *Inventory) Text() []byte { return inv.text }

// Node returns a node by name.
func (inv *Inventory) Node(name string) (Node, bool) {
	i := slices.IndexFunc(inv.Nodes, func(n Node) bool { return n.Name == name })
	if i < 0 {
		return Node{}, false
	}
	return inv.Nodes[i], true
}

// Members returns the nodes that carry a service, in the order of the file.
func (inv *Inventory) Members(service string) []Node {
	var out []Node
	for _, name := range inv.members[service] {
		n, _ := inv.Node(name)
		out = append(out, n)
	}
	return out
}

// Services returns the services that a node carries.
func (inv *Inventory) Services(n Node) []string {
	var out []string
	for _, g := range groups {
		if slices.Contains(inv.members[g], n.Name) {
			out = append(out, g)
		}
	}
	return out
}

// Port returns a port by the name of its variable without "_port": "auth",
// "chat", "logd", "healthd", "mongodb", "authd_ops", "chatd_logger_ops"… 0
// where the inventory has none.
func (inv *Inventory) Port(name string) int { return inv.ports[name] }

// Var returns a variable of all.vars as text, or "".
func (inv *Inventory) Var(name string) string { return inv.vars[name] }

// True says whether a variable of all.vars is set, and Ansible reads it as yes.
func (inv *Inventory) True(name string) bool { return truth(inv.vars[name]) }

// Set overrules a variable of all.vars, as the playbook's -e does.
func (inv *Inventory) Set(name, value string) { inv.vars[name] = value }

// PasswordMinLength returns password_min_length, 8 where it is not set.
func (inv *Inventory) PasswordMinLength() int {
	n, err := strconv.Atoi(inv.vars["password_min_length"])
	if err != nil {
		return 8
	}
	return n
}

// RefusesCommonPasswords returns password_refuse_common, true where it is not set.
func (inv *Inventory) RefusesCommonPasswords() bool {
	refuse, err := strconv.ParseBool(inv.vars["password_refuse_common"])
	return refuse || err != nil
}

// Address returns host:port where a service listens on a node: authd and chatd
// on the public network, the others on the private one.
func (inv *Inventory) Address(service string, n Node) string {
	if name, public := publicPorts[service]; public {
		return join(n.Public, inv.ports[name])
	}
	return join(n.Private, inv.ports[service])
}

// publicPorts are the variables, without _port, of the ports on the public network.
var publicPorts = map[string]string{Authd: "auth", Chatd: "chat"}

// Addresses returns host:port of each member of a service.
func (inv *Inventory) Addresses(service string) []string {
	var out []string
	for _, n := range inv.Members(service) {
		out = append(out, inv.Address(service, n))
	}
	return out
}

// OpsAddress returns host:port of the ops listener (/metrics, /healthz,
// /readyz) of authd, chatd, logd or healthd on a node, or of a daemon's
// logger: "authd_logger", "chatd_logger".
func (inv *Inventory) OpsAddress(service string, n Node) string {
	return join(n.Private, inv.ports[service+"_ops"])
}

// AuthPrivateAddress returns host:port where authd on a node tells the chat servers whose
// tokens have ended.
func (inv *Inventory) AuthPrivateAddress(n Node) string {
	return join(n.Private, inv.ports[authPrivate])
}

// AuthPrivateAddresses returns AuthPrivateAddress of each auth server, in the order of
// Addresses.
func (inv *Inventory) AuthPrivateAddresses() []string {
	var out []string
	for _, n := range inv.Members(Authd) {
		out = append(out, inv.AuthPrivateAddress(n))
	}
	return out
}

// authPrivate is the variable of that port, without _port, and authPrivatePort its value in
// inventories that do not set it.
const (
	authPrivate     = "authd_private"
	authPrivatePort = 8084
)

// peerPorts are the variables, without _port, of the ports by which the members of
// a service that is one find each other.
var peerPorts = map[string]string{Chatd: "chatd_routes", MariaDB: "galera"}

// PeerAddresses returns host:port where each member of a service listens for the
// others, in the order of Addresses; none where there is one member, or where
// the members of the service need not know each other.
func (inv *Inventory) PeerAddresses(service string) []string {
	members := inv.Members(service)
	if len(members) < 2 || peerPorts[service] == "" {
		return nil
	}
	var out []string
	for _, n := range members {
		out = append(out, inv.PeerAddress(service, n))
	}
	return out
}

// PeerAddress returns host:port where the member on a node listens for others.
func (inv *Inventory) PeerAddress(service string, n Node) string {
	return join(n.Private, inv.ports[peerPorts[service]])
}

// OpsAddresses returns host:port of the ops listener of each member of a
// service, in the order of Addresses.
func (inv *Inventory) OpsAddresses(service string) []string {
	var out []string
	for _, n := range inv.Members(service) {
		out = append(out, inv.OpsAddress(service, n))
	}
	return out
}

func join(a netip.Addr, port int) string { return net.JoinHostPort(a.String(), strconv.Itoa(port)) }
