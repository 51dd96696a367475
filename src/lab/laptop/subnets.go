package laptop

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"

	"chatlab/src/lab/inventory"
)

// subnet is one network of the lab, as the provider makes it.
type subnet struct {
	network string       // its name in vagrant/networks.yml
	prefix  netip.Prefix // where the inventory puts the machines
	name    string       // what libvirt calls it
	onHost  bool         // the host has an address in it
}

// management is the network by which vagrant-libvirt itself reaches machines.
const management = "management"

// Vagrant-libvirt's own choices for it.
const (
	managementName    = "vagrant-libvirt"
	managementAddress = "192.168.121.0/24"
)

// subnetsOf returns the networks that the lab's addresses are in.
func (h *host) subnetsOf() []subnet {
	var out []subnet
	for _, name := range slices.Sorted(maps.Keys(h.settings.Networks)) {
		table := h.settings.Networks[name]
		options, _ := table[h.provider].(map[string]any)
		for _, n := range h.Inventory.Nodes {
			s := subnet{network: name, prefix: prefixOf(addressOf(n, table), options), onHost: onHost(options)}
			if text, named := options["libvirt__network_name"].(string); named {
				s.name = h.fill(text, n.Name)
			}
			if s.prefix.IsValid() && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	if s, there := h.managementSubnet(); there {
		out = append(out, s)
	}
	return out
}

func (h *host) managementSubnet() (subnet, bool) {
	if h.provider != libvirt {
		return subnet{}, false
	}
	name, address := h.settings.of(libvirt, "management_network_name"), h.settings.of(libvirt, "management_network_address")
	if name == "" {
		name = managementName
	}
	if address == "" {
		address = managementAddress
	}
	prefix, err := netip.ParsePrefix(address)
	return subnet{network: management, prefix: prefix.Masked(), name: name, onHost: true}, err == nil
}

func addressOf(n inventory.Node, table map[string]any) netip.Addr {
	switch table["address"] {
	case "public_address":
		return n.Public
	case "private_address":
		return n.Private
	}
	return netip.Addr{}
}

// prefixOf takes Vagrant's own mask where none is set.
func prefixOf(a netip.Addr, options map[string]any) netip.Prefix {
	bits := 24
	for _, key := range []string{"netmask", "libvirt__netmask", "virtualbox__netmask"} {
		text, set := options[key].(string)
		if mask := net.ParseIP(text).To4(); set && mask != nil {
			bits, _ = net.IPMask(mask).Size()
		}
	}
	prefix, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}

// onHost is false for networks that only machines are in.
func onHost(options map[string]any) bool {
	return options["virtualbox__intnet"] == nil && options["libvirt__forward_mode"] != "veryisolated"
}

func (s subnet) String() string {
	if s.network == management {
		return fmt.Sprintf("Vagrant's management network, %s", s.prefix)
	}
	return fmt.Sprintf("the lab's network %s, %s", s.network, s.prefix)
}

// elsewhere says how the lab gets out of the way.
func (h *host) elsewhere(s subnet) string {
	if s.network == management {
		return "`providers: {libvirt: {management_network_address: A.B.C.0/24}}` with a free one in " + h.settings.own
	}
	return "give the lab other addresses: a copy of its inventory's folder, and `inventory: FOLDER` in " + h.settings.own
}
