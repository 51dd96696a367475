package health

import (
	"context"
	"encoding/json"
	"net"
)

// Discovery is chatlab.discovery: a JSON array with an object for each member
// of each service, for Zabbix's low-level discovery. Its macros are {#SERVICE},
// {#MEMBER} (host:port), {#ADDRESS}, {#PORT}, {#OPS} (host:port or "") and
// {#NODE}, the node that was asked.
type Discovery struct {
	node     string
	services []service
}

// NewDiscovery makes the check. Fails with code usage.
func NewDiscovery(node string, s Services) (*Discovery, error) {
	services, err := s.list()
	return &Discovery{node, services}, err
}

// Key implements [Check].
func (*Discovery) Key() string { return "chatlab.discovery" }

// About implements [Check].
func (*Discovery) About() string {
	return "the members of all services, for low-level discovery (JSON)"
}

// Run implements [Check].
func (d *Discovery) Run(_ context.Context, params []string) (string, error) {
	if err := noParams(params); err != nil {
		return "", err
	}
	found := []map[string]string{}
	for _, s := range d.services {
		for _, m := range s.members {
			host, port, _ := net.SplitHostPort(m.addr) // was checked
			found = append(found, map[string]string{
				"{#SERVICE}": s.name, "{#MEMBER}": m.addr, "{#ADDRESS}": host, "{#PORT}": port, "{#OPS}": m.ops, "{#NODE}": d.node,
			})
		}
	}
	text, err := json.Marshal(found)
	return string(text), err
}
