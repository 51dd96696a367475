package pki

import (
	"net"

	"chatlab/src/lab/inventory"
	"chatlab/src/mtls"
)

// OperatorName is the name of the operator's certificate.
const OperatorName = "operator"

// Plan lists every certificate of a lab: the operator's, then those of each node in
// the order of the inventory, one for each service and purpose.
func Plan(inv *inventory.Inventory) []Certificate {
	out := []Certificate{{OperatorName, Subject{Role: mtls.Operator, Node: "lab", Client: true}}}
	for _, n := range inv.Nodes {
		for _, p := range purposes(inv, n) {
			s := Subject{Role: p.role, Node: n.Name, Server: p.server, Client: p.client}
			if p.server {
				s.Hosts = []string{n.Name, n.Private.String()}
			}
			if p.of != "" {
				s.Hosts = publicHosts(inv, n, p.of)
			}
			out = append(out, Certificate{Name(n, p.name), s})
		}
	}
	return out
}

// Name returns the name of a node's certificate for a purpose: a role's name, or
// LogdMongoDB.
func Name(n inventory.Node, purpose string) string { return n.Name + "-" + purpose }

// LogdMongoDB is the purpose of logd towards the log database. Its certificate has
// logd's role for the other side of a connection.
const LogdMongoDB = "logd-mongodb"

// purpose is one use of a certificate on a node.
type purpose struct {
	name           string
	role           mtls.Role
	server, client bool
	of             string // the service whose public listener it is; "": it is private
}

// edge is the public listener of a service.
func edge(r mtls.Role, service string) purpose { return purpose{string(r), r, true, false, service} }

// publicHosts returns the names by which users reach a service on a node.
func publicHosts(inv *inventory.Inventory, n inventory.Node, service string) []string {
	out := []string{n.Name, n.Public.String()}
	if host, _, err := net.SplitHostPort(inv.VIP(service)); err == nil {
		out = append(out, host)
	}
	return out
}

func listener(r mtls.Role) purpose { return purpose{string(r), r, true, false, ""} }
func dialler(r mtls.Role) purpose  { return purpose{string(r), r, false, true, ""} }

// both is for protocols in which either party may open the connection.
func both(r mtls.Role) purpose { return purpose{string(r), r, true, true, ""} }

// purposes lists those of a node by the groups that it is in.
func purposes(inv *inventory.Inventory, n inventory.Node) []purpose {
	byService := map[string][]purpose{
		inventory.MongoDB: {listener(mtls.MongoDB)},
		inventory.Logd:    {listener(mtls.Logd), {LogdMongoDB, mtls.Logd, false, true, ""}},
		inventory.Authd:   {listener(mtls.Authd), dialler(mtls.AuthdLogger)},
		inventory.Chatd:   {dialler(mtls.ChatdAuthd), dialler(mtls.ChatdLogger)},
		// Zabbix's server asks healthd; healthd sends values to the server's trapper.
		inventory.Healthd:      {both(mtls.Healthd)},
		inventory.ZabbixServer: {both(mtls.ZabbixServer)},
	}
	if len(inv.Members(inventory.Chatd)) > 1 {
		byService[inventory.Chatd] = append(byService[inventory.Chatd], both(mtls.Chatd))
	}
	for service, role := range map[string]mtls.Role{inventory.Authd: mtls.AuthPublic, inventory.Chatd: mtls.ChatPublic} {
		if inv.TLS(service) {
			byService[service] = append(byService[service], edge(role, service))
		}
	}
	var out []purpose
	for _, service := range inv.Services(n) {
		out = append(out, byService[service]...)
	}
	if len(inv.Members(inventory.ZabbixServer)) > 0 {
		out = append(out, listener(mtls.ZabbixAgent)) // of passive checks only
	}
	return out
}
