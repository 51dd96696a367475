package inventory

import (
	"net/netip"

	"chatlab/src/errs"
)

// MaxInstance is the largest number of an instance: the second byte of its addresses.
const MaxInstance = 254

// OfInstance returns the same lab at addresses of its own: 127.N.75.11 instead of
// 127.0.75.11. Instance 0 is the inventory as it was read. Code usage where the number is
// out of range, or where the nodes are not on the loopback network.
func (inv *Inventory) OfInstance(n int) (*Inventory, error) {
	switch {
	case n == 0:
		return inv, nil
	case n < 0 || n > MaxInstance:
		return nil, errs.E(errs.Usage, "instance %d does not exist", n).WithFix("--instance 1 to %d", MaxInstance)
	}
	moved := *inv
	moved.Instance, moved.Nodes = n, nil
	taken := map[netip.Addr]string{}
	for _, node := range inv.Nodes {
		for _, a := range []*netip.Addr{&node.Public, &node.Private} {
			if !a.Is4() || !a.IsLoopback() {
				return nil, errs.E(errs.Usage, "inventory %s: host %s: %s cannot be moved for an instance: it is not on the loopback network 127.0.0.0/8", inv.Path, node.Name, a).
					WithFix("leave --instance out, or name an inventory of target local")
			}
			*a = ofInstance(*a, n)
			if other := taken[*a]; other != "" {
				return nil, errs.E(errs.Usage, "inventory %s: hosts %s and %s would both be at %s", inv.Path, other, node.Name, a).
					WithFix("give them addresses that differ in more than the second number")
			}
			taken[*a] = node.Name
		}
		moved.Nodes = append(moved.Nodes, node)
	}
	return &moved, nil
}

func ofInstance(a netip.Addr, n int) netip.Addr {
	bytes := a.As4()
	bytes[1] = byte(n)
	return netip.AddrFrom4(bytes)
}
