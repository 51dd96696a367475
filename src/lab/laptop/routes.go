package laptop

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"chatlab/src/lab/local"
)

// route is a line of `ip -j route`.
type route struct{ Dst, Dev, Gateway string }

func (r route) prefix() (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(r.Dst); err == nil {
		return p, true
	}
	a, err := netip.ParseAddr(r.Dst)
	return netip.PrefixFrom(a, a.BitLen()), err == nil
}

// routes looks whether the host reaches something else at the lab's addresses.
// Without the hypervisor, the lab's own routes cannot be told from others.
func (h *host) routes(ctx context.Context) []local.Finding {
	if h.OS != "linux" || !h.usable {
		return nil
	}
	var all []route
	said, err := output(ctx, "ip", "-j", "route")
	if err == nil && strings.TrimSpace(said) != "" {
		err = json.Unmarshal([]byte(said), &all)
	}
	if err != nil {
		return []local.Finding{warn("route", "the host's routes", err.Error(), "apt-get install --no-install-recommends iproute2")}
	}
	var out []local.Finding
	for _, s := range h.subnets {
		found := ok("route."+s.network, "routes to "+s.String())
		for _, r := range all {
			if f, clash := h.clash(s, r); clash && (found.Result == local.OK || f.Result == local.Fail) {
				found = f
			}
		}
		out = append(out, found)
	}
	return out
}

func (h *host) clash(s subnet, r route) (local.Finding, bool) {
	p, valid := r.prefix()
	if !valid || !p.Overlaps(s.prefix) || p.Bits() == 0 || h.ownDevice(s, r.Dev) {
		return local.Finding{}, false
	}
	name, what := "route."+s.network, "routes to "+s.String()
	by := "device " + r.Dev
	if r.Gateway != "" {
		by += " via " + r.Gateway
	}
	fix := fmt.Sprintf("if nothing needs it, `sudo ip route del %s dev %s`, or end what made it (a VPN, another lab?); else %s", r.Dst, r.Dev, h.elsewhere(s))
	switch {
	case !s.onHost:
		return warn(name, what, fmt.Sprintf("the host reaches %s by %s; the machines will not", r.Dst, by), fix), true
	case p.Bits() < s.prefix.Bits():
		return warn(name, what, fmt.Sprintf("the host reaches all of %s by %s; the lab would take its part of it", r.Dst, by), fix), true
	}
	return fail(name, what, fmt.Sprintf("the host reaches %s by %s already", r.Dst, by), fix), true
}

// ownDevice is true for the lab's own interfaces, and for libvirt's bridges, of
// which the look at its networks tells more.
func (h *host) ownDevice(s subnet, device string) bool {
	if h.provider == virtualBox {
		return s.onHost && strings.HasPrefix(device, "vboxnet")
	}
	return slices.ContainsFunc(h.networks, func(n network) bool { return n.Bridge.Name == device })
}
