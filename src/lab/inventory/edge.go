package inventory

import "strings"

// edges are the variables that put TLS on a service's public listener.
var edges = map[string]string{Authd: "auth_tls", Chatd: "chat_tls"}

// schemes begin the addresses of a public listener: without TLS, and with it.
var schemes = map[string][2]string{Authd: {"http://", "https://"}, Chatd: {"", "tls://"}}

// TLS reports whether the public listener of authd or chatd has TLS.
func (inv *Inventory) TLS(service string) bool { return inv.True(edges[service]) }

// AnyTLS reports whether a public listener has TLS.
func (inv *Inventory) AnyTLS() bool { return inv.TLS(Authd) || inv.TLS(Chatd) }

// Server returns the address of authd or chatd on a node as a client takes it:
// http://HOST:PORT or https://HOST:PORT, HOST:PORT or tls://HOST:PORT.
func (inv *Inventory) Server(service string, n Node) string {
	return inv.scheme(service) + inv.Address(service, n)
}

// Servers returns Server of each member of a service.
func (inv *Inventory) Servers(service string) []string {
	var out []string
	for _, n := range inv.Members(service) {
		out = append(out, inv.Server(service, n))
	}
	return out
}

func (inv *Inventory) scheme(service string) string {
	if inv.TLS(service) {
		return schemes[service][1]
	}
	return schemes[service][0]
}

// edges demands yes or no: a lab that its author believes to be protected must be.
func (p *parser) edges() {
	for _, service := range []string{Authd, Chatd} {
		name := edges[service]
		switch strings.ToLower(p.inv.vars[name]) {
		case "", "true", "false", "yes", "no", "on", "off", "1", "0":
		default:
			p.mistake(p.lines["var "+name], "write true or false", "%s: %q is neither yes nor no", name, p.inv.vars[name])
		}
	}
}
