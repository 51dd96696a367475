package laptop

import (
	"context"
	"encoding/xml"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"chatlab/src/errs"
	"chatlab/src/lab/local"
)

// network is one of libvirt's, as `virsh net-dumpxml` shows it.
type network struct {
	Name   string `xml:"name"`
	Bridge struct {
		Name string `xml:"name,attr"`
	} `xml:"bridge"`
	IPs []struct {
		Address string `xml:"address,attr"`
		Netmask string `xml:"netmask,attr"`
		Bits    int    `xml:"prefix,attr"`
	} `xml:"ip"`
}

// prefixes are its IPv4 networks.
func (n network) prefixes() []netip.Prefix {
	var out []netip.Prefix
	for _, ip := range n.IPs {
		a, err := netip.ParseAddr(ip.Address)
		if err != nil || !a.Is4() {
			continue
		}
		bits := ip.Bits
		if mask := net.ParseIP(ip.Netmask).To4(); mask != nil {
			bits, _ = net.IPMask(mask).Size()
		}
		if p, err := a.Prefix(bits); err == nil && bits > 0 {
			out = append(out, p)
		}
	}
	return out
}

// libvirtNets asks for all networks: Vagrant looks at those that are off too.
func (h *host) libvirtNets(ctx context.Context) ([]network, error) {
	said, err := h.virsh(ctx, "net-list", "--all", "--name")
	if err != nil {
		return nil, err
	}
	var out []network
	for _, name := range strings.Fields(said) {
		text, err := h.virsh(ctx, "net-dumpxml", name)
		if err != nil {
			return nil, err
		}
		var n network
		if err := xml.Unmarshal([]byte(text), &n); err != nil {
			return nil, errs.E(errs.Failed, "libvirt's network %s: %w", name, err)
		}
		out = append(out, n)
	}
	return out, nil
}

// libvirtNetworks looks for networks that Vagrant would take for the lab's own,
// or that keep libvirt from making those.
func (h *host) libvirtNetworks(context.Context) []local.Finding {
	var out []local.Finding
	for _, n := range h.networks {
		f := ok("libvirt.network."+n.Name, "libvirt's network "+n.Name)
		for _, s := range h.subnets {
			for _, p := range n.prefixes() {
				if g, clash := h.taken(n, p, s); clash && (f.Result == local.OK || g.Result == local.Fail) {
					f = g
				}
			}
		}
		out = append(out, f)
	}
	return out
}

func (h *host) taken(n network, p netip.Prefix, s subnet) (local.Finding, bool) {
	name, what := "libvirt.network."+n.Name, fmt.Sprintf("libvirt's network %s, %s", n.Name, p)
	own := n.Name == s.name
	away := fmt.Sprintf("if nothing needs it, `virsh --connect %[1]s net-destroy %[2]s; virsh --connect %[1]s net-undefine %[2]s`", h.uri(), n.Name)
	switch {
	case own && p == s.prefix, !own && !p.Overlaps(s.prefix), own && !s.onHost:
		return local.Finding{}, false
	case own && s.network == management:
		return fail(name, what, fmt.Sprintf("Vagrant wants it to be %s: another kit (DetectionLab?) has set it", s.prefix), away), true
	case own:
		return fail(name, what, fmt.Sprintf("it is left from another lab of this name, now it would be %s", s.prefix), away), true
	case !s.onHost:
		return warn(name, what, fmt.Sprintf("%s meets it: the machines will not reach what is there", s), away+"; else "+h.elsewhere(s)), true
	case p == s.prefix:
		return fail(name, what, fmt.Sprintf("%s is the same: Vagrant would put the machines into it", s), away+"; else "+h.elsewhere(s)), true
	}
	return fail(name, what, fmt.Sprintf("%s overlaps it", s), away+"; else "+h.elsewhere(s)), true
}
