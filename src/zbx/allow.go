package zbx

import (
	"context"
	"net"
	"net/netip"
	"strings"

	"chatlab/src/errs"
)

// Allow is the list of those who may ask: addresses, networks and names, as
// Server= of Zabbix's agent.
type Allow struct {
	nets  []netip.Prefix
	names []string
}

// ParseAllow reads a list such as 127.0.0.1, ::1, 10.0.0.0/8, zabbix.example.org.
// An empty list is an error: it would answer nobody. Fails with code usage.
func ParseAllow(list []string) (*Allow, error) {
	a := &Allow{}
	for _, entry := range list {
		entry = strings.TrimSpace(entry)
		addr, err := netip.ParseAddr(entry)
		if err == nil {
			addr = addr.Unmap()
			a.nets = append(a.nets, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		if strings.Contains(entry, "/") {
			p, err := netip.ParsePrefix(entry)
			if err != nil {
				return nil, errs.E(errs.Usage, "allow: %w", err).WithFix("write a network as 10.0.0.0/8")
			}
			a.nets = append(a.nets, p.Masked())
			continue
		}
		if entry == "" || strings.ContainsAny(entry, " ,;:") {
			return nil, errs.E(errs.Usage, "allow: %q is no address, network or name", entry)
		}
		a.names = append(a.names, entry)
	}
	if len(a.nets)+len(a.names) == 0 {
		return nil, errs.E(errs.Usage, "allow: nobody may ask").WithFix("name the Zabbix server's address in allow")
	}
	return a, nil
}

// Has tells whether an address may ask. Names are looked up each time, as
// Zabbix's agent does.
func (a *Allow) Has(ctx context.Context, addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for _, p := range a.nets {
		if p.Contains(addr) {
			return true
		}
	}
	for _, name := range a.names {
		found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		if err != nil {
			continue
		}
		for _, f := range found {
			if f.Unmap() == addr {
				return true
			}
		}
	}
	return false
}
