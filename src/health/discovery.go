package health

import (
	"context"
	"encoding/json"
	"net"
	"slices"

	"chatlab/src/errs"
)

// Discovery is chatlab.discovery[(SERVICE)]: a JSON array with an object for each
// member of the service, or of all, for Zabbix's low-level discovery. Its macros are {#SERVICE},
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
	return "[SERVICE] the members of that service, or of all, for low-level discovery (JSON)"
}

// Run implements [Check].
func (d *Discovery) Run(_ context.Context, params []string) (string, error) {
	only := ""
	if len(params) > 0 {
		only = params[0]
	}
	known := slices.ContainsFunc(d.services, func(s service) bool { return s.name == only })
	switch {
	case len(params) > 1:
		return "", errs.E(errs.BadRequest, "Too many parameters.")
	case only != "" && !known:
		return "", errs.E(errs.BadRequest, "There is no service %q: give auth, chat or logd.", clip(only))
	}
	found := []map[string]string{}
	for _, s := range d.services {
		if only != "" && s.name != only {
			continue
		}
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
