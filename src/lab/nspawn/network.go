package nspawn

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"chatlab/src/errs"
	"chatlab/src/lab/inventory"
)

// prefixBits is the size of each of the lab's networks.
const prefixBits = 24

// network is what a lab has of bridges, interfaces and rules.
type network struct {
	names
	inv *inventory.Inventory
}

// natPool is where labs take their third network from: the range of RFC 2544,
// which is for test networks and is never routed.
var natPool = netip.MustParsePrefix("198.18.0.0/15")

// prefixOf is the network of an address.
func prefixOf(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, prefixBits).Masked() }

// controller is this host's address on the public network: the first.
func (w network) controller() netip.Prefix {
	p := prefixOf(w.inv.Nodes[0].Public)
	return netip.PrefixFrom(p.Addr().Next(), prefixBits)
}

// fits tells why the inventory cannot be machines on this host. Code usage.
func (w network) fits() error {
	first := w.inv.Nodes[0]
	for _, n := range w.inv.Nodes {
		switch {
		case !n.Public.Is4() || !n.Private.Is4() || n.Public.IsLoopback() || n.Private.IsLoopback():
			return errs.E(errs.Usage, "host %s: target nspawn takes IPv4 addresses that are not loopback", n.Name).
				WithFix("use ansible/inventories/lab, or --target local")
		case prefixOf(n.Public) != prefixOf(first.Public):
			return errs.E(errs.Usage, "host %s: public_address %s is outside %s, the network of %s", n.Name, n.Public, prefixOf(first.Public), first.Name).
				WithFix("put all public addresses into one /24")
		case prefixOf(n.Private) != prefixOf(first.Private):
			return errs.E(errs.Usage, "host %s: private_address %s is outside %s, the network of %s", n.Name, n.Private, prefixOf(first.Private), first.Name).
				WithFix("put all private addresses into one /24")
		case n.Public == w.controller().Addr():
			return errs.E(errs.Usage, "host %s: public_address %s is this machine's own on that network", n.Name, n.Public).
				WithFix("give it another address")
		}
	}
	return w.collision()
}

// collision names an interface of this host that holds a network of the lab.
func (w network) collision() error {
	for _, p := range []netip.Prefix{prefixOf(w.inv.Nodes[0].Public), prefixOf(w.inv.Nodes[0].Private)} {
		if name := w.holder(p); name != "" {
			return errs.E(errs.Usage, "interface %s of this machine is in %s, which the lab needs", name, p).
				WithFix("take that lab down (`ip addr show %s`), or use an inventory with other addresses", name)
		}
	}
	return nil
}

// holder returns the interface, not of this lab, that has an address in a
// network, or "".
func (w network) holder(p netip.Prefix) string {
	all, err := net.Interfaces()
	if err != nil {
		return ""
	}
	for _, i := range all {
		addrs, err := i.Addrs()
		if err != nil || strings.HasPrefix(i.Name, w.links()) {
			continue
		}
		for _, a := range addrs {
			if had, err := netip.ParsePrefix(a.String()); err == nil && had.Overlaps(p) {
				return i.Name
			}
		}
	}
	return ""
}

// nat chooses the lab's third network: that of its bridge if it is up, or else
// the first free one, beginning where the lab's name says.
func (w network) nat() (netip.Prefix, error) {
	if i, err := net.InterfaceByName(w.natBridge()); err == nil {
		if addrs, err := i.Addrs(); err == nil && len(addrs) > 0 {
			if p, err := netip.ParsePrefix(addrs[0].String()); err == nil && p.Addr().Is4() {
				return p.Masked(), nil
			}
		}
	}
	var start uint16
	if _, err := fmt.Sscanf(w.id[:4], "%x", &start); err != nil {
		return netip.Prefix{}, err
	}
	base := natPool.Addr().As4()
	for k := range uint16(512) {
		n := (start + k) % 512
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{base[0], base[1] + byte(n>>8), byte(n), 0}), prefixBits)
		if w.holder(p) == "" {
			return p, nil
		}
	}
	return netip.Prefix{}, errs.E(errs.Usage, "no network in %s is free", natPool)
}

// natAddress is a machine's address on the third network; the host has the first.
func natAddress(p netip.Prefix, i int) netip.Addr {
	a := p.Addr().As4()
	a[3] = byte(10 + i)
	return netip.AddrFrom4(a)
}

// up makes the network; each part only where it lacks, so that it can be run
// again at any time.
func (w network) up(ctx context.Context) error {
	nat, err := w.nat()
	if err != nil {
		return err
	}
	for bridge, addr := range map[string]string{
		w.publicBridge(): w.controller().String(), w.privateBridge(): "",
		w.natBridge(): netip.PrefixFrom(nat.Addr().Next(), prefixBits).String(),
	} {
		if err := ensureBridge(ctx, bridge, addr); err != nil {
			return err
		}
	}
	for i, n := range w.inv.Nodes {
		if err := w.plug(ctx, i, n); err != nil {
			return err
		}
	}
	if _, err := feed(ctx, w.rules(nat), "nft", "-f", "-"); err != nil {
		return err
	}
	return forward(ctx)
}

func exists(link string) bool {
	_, err := os.Stat("/sys/class/net/" + link)
	return err == nil
}

func ensureBridge(ctx context.Context, name, addr string) error {
	if !exists(name) {
		if _, err := output(ctx, "ip", "link", "add", name, "type", "bridge"); err != nil {
			return err
		}
	}
	// The host takes no part in a network of which it has no address.
	_ = os.WriteFile("/proc/sys/net/ipv6/conf/"+name+"/disable_ipv6", []byte("1"), 0o644)
	if addr != "" {
		if _, err := output(ctx, "ip", "addr", "replace", addr, "dev", name); err != nil {
			return err
		}
	}
	_, err := output(ctx, "ip", "link", "set", name, "up")
	return err
}

// plug makes a machine's network namespace and its three cables.
func (w network) plug(ctx context.Context, i int, n inventory.Node) error {
	space := w.machine(n.Name)
	if _, err := os.Stat(filepath.Join("/run/netns", space)); err != nil {
		if _, err := output(ctx, "ip", "netns", "add", space); err != nil {
			return err
		}
	}
	for _, cable := range []struct{ outside, inside, bridge string }{
		{w.publicLink(i), insidePublic, w.publicBridge()},
		{w.privateLink(i), insidePrivate, w.privateBridge()},
		{w.natLink(i), insideNAT, w.natBridge()},
	} {
		if !exists(cable.outside) {
			if _, err := output(ctx, "ip", "link", "add", cable.outside, "type", "veth", "peer", "name", cable.inside, "netns", space); err != nil {
				return err
			}
		}
		if _, err := output(ctx, "ip", "link", "set", cable.outside, "master", cable.bridge, "up"); err != nil {
			return err
		}
	}
	// Over the third network machines reach package servers, and not each other.
	_, err := output(ctx, "ip", "link", "set", w.natLink(i), "type", "bridge_slave", "isolated", "on")
	return err
}

// rules are the lab's nftables table: the machines' way out. What goes to a
// network of the lab does not take it.
func (w network) rules(nat netip.Prefix) string {
	first := w.inv.Nodes[0]
	return fmt.Sprintf(`table ip %[1]s
delete table ip %[1]s
table ip %[1]s {
	chain out {
		type nat hook postrouting priority srcnat;
		ip saddr %[2]s oifname != "%[3]s" masquerade
	}
	chain through {
		type filter hook forward priority filter;
		iifname "%[3]s" ip daddr { %[4]s, %[5]s, %[2]s } drop
		iifname { "%[6]s", "%[7]s" } oifname != { "%[6]s", "%[7]s" } drop
	}
}
`, w.table(), nat, w.natBridge(), prefixOf(first.Public), prefixOf(first.Private), w.publicBridge(), w.privateBridge())
}

// down removes all that up makes, without an inventory.
func (w network) down(ctx context.Context) error {
	spaces, err := filepath.Glob("/run/netns/" + w.machines() + "*")
	if err != nil {
		return err
	}
	for _, path := range spaces {
		if _, err := output(ctx, "ip", "netns", "del", filepath.Base(path)); err != nil {
			return err
		}
	}
	links, err := filepath.Glob("/sys/class/net/" + w.links() + "*")
	if err != nil {
		return err
	}
	for _, path := range links { // the end of a namespace may have taken some already
		if _, err := output(ctx, "ip", "link", "del", filepath.Base(path)); err != nil && exists(filepath.Base(path)) {
			return err
		}
	}
	return w.dropTables(ctx)
}

// dropTables removes the tables of the lab, and forwarding with the last lab.
func (w network) dropTables(ctx context.Context) error {
	list, err := output(ctx, "nft", "list", "tables")
	if err != nil {
		if errs.Is(err, errs.Usage) {
			return nil // without nft there is no table
		}
		return err
	}
	others := false
	for line := range strings.Lines(list) { // table FAMILY NAME
		f := strings.Fields(line)
		if len(f) != 3 || !strings.HasPrefix(f[2], tables) {
			continue
		}
		if !strings.HasPrefix(f[2], w.table()) {
			others = true
			continue
		}
		if _, err := output(ctx, "nft", "delete", "table", f[1], f[2]); err != nil {
			return err
		}
	}
	if others {
		return nil
	}
	return unforward()
}

// forwarding is the host's switch, and where its former position is kept while
// labs are up.
const (
	forwarding = "/proc/sys/net/ipv4/ip_forward"
	wasForward = "/run/chatlab.ip_forward"
)

// forward lets the host route.
func forward(context.Context) error {
	was, err := os.ReadFile(forwarding)
	if err != nil || strings.TrimSpace(string(was)) == "1" {
		return err
	}
	if err := os.WriteFile(wasForward, was, 0o600); err != nil {
		return errs.E(errs.Failed, "%w", err)
	}
	if err := os.WriteFile(forwarding, []byte("1"), 0o644); err != nil {
		return errs.E(errs.Failed, "forwarding: %w", err)
	}
	return nil
}

// unforward puts the switch back where it was.
func unforward() error {
	was, err := os.ReadFile(wasForward)
	if err != nil {
		return nil // it was on before the first lab
	}
	if err := os.WriteFile(forwarding, was, 0o644); err != nil {
		return errs.E(errs.Failed, "forwarding: %w", err)
	}
	return os.Remove(wasForward)
}
