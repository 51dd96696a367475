package laptop

import (
	"context"
	"strings"

	"chatlab/src/lab/local"
)

// choose takes the provider that Vagrant would: the one that was asked for, or
// the first that is installed.
func (h *host) choose(ctx context.Context) {
	h.provider = h.settings.Provider
	switch {
	case h.provider != "":
	case installed("VBoxManage"):
		h.provider = virtualBox
	case installed("virsh") || h.vagrant != nil && plugin(ctx, "vagrant-libvirt") != "":
		h.provider = libvirt
	}
}

// hypervisor looks for what runs the machines.
func (h *host) hypervisor(ctx context.Context) []local.Finding {
	switch h.provider {
	case virtualBox:
		return h.virtualBox(ctx)
	case libvirt:
		return h.libvirt(ctx)
	case "":
		return []local.Finding{fail("hypervisor", "a hypervisor", "neither VirtualBox nor libvirt is installed",
			"install VirtualBox ("+virtualBoxSite+"), or libvirt: `"+installLibvirt+"`")}
	}
	return []local.Finding{fail("hypervisor", "provider "+h.provider, "the lab does not know it", "choose virtualbox or libvirt: `provider:` in "+h.settings.own+", or VAGRANT_DEFAULT_PROVIDER")}
}

// uri is where libvirt is asked.
func (h *host) uri() string {
	if uri := h.settings.of(libvirt, "uri"); uri != "" {
		return uri
	}
	return "qemu:///system"
}

func (h *host) virsh(ctx context.Context, args ...string) (string, error) {
	return output(ctx, append([]string{"virsh", "--connect", h.uri()}, args...)...)
}

func (h *host) libvirt(ctx context.Context) []local.Finding {
	if !installed("virsh") {
		return []local.Finding{fail("hypervisor", "libvirt", "`virsh` is not installed", installLibvirt)}
	}
	said, err := h.virsh(ctx, "version")
	if err != nil {
		return []local.Finding{fail("hypervisor", "libvirt at "+h.uri(), err.Error(),
			"start it: `sudo systemctl start libvirtd`; and let your user in: `sudo usermod -aG libvirt $USER`, then log in again")}
	}
	out := []local.Finding{ok("hypervisor", "libvirt "+after(said, "Using library:")+", hypervisor "+after(said, "Running hypervisor:"))}
	if h.vagrant != nil {
		f := ok("plugin", "vagrant-libvirt "+plugin(ctx, "vagrant-libvirt"))
		if f.What == "vagrant-libvirt " {
			f = fail("plugin", "vagrant-libvirt", "Vagrant has no such plugin", "`apt-get install --no-install-recommends vagrant-libvirt` for Debian's Vagrant, `vagrant plugin install vagrant-libvirt` for any other")
		}
		out = append(out, f)
	}
	h.networks, err = h.libvirtNets(ctx)
	if err != nil {
		out = append(out, warn("libvirt.networks", "libvirt's networks", err.Error(), "`virsh --connect "+h.uri()+" net-list --all` must work"))
	}
	return out
}

// after returns what follows a label on its line, without libvirt's own prefix.
func after(text, label string) string {
	for line := range strings.Lines(text) {
		if rest, found := strings.CutPrefix(line, label); found {
			return strings.TrimPrefix(strings.TrimSpace(rest), "libvirt ")
		}
	}
	return "of an unknown version"
}

// kvm looks whether libvirt's machines must be emulated.
func (h *host) kvm(context.Context) []local.Finding {
	if h.provider != libvirt || h.OS != "linux" {
		return nil
	}
	if h.has("dev/kvm") {
		return []local.Finding{ok("kvm", "/dev/kvm")}
	}
	const why = "this host has none, so machines are emulated and about ten times slower"
	const enable = "switch on VT-x or AMD-V in the firmware (or nested virtualization, in a virtual machine)"
	if h.emulated() {
		return []local.Finding{warn("kvm", "/dev/kvm", why, enable+"; until then leave `patience: 10` in "+h.settings.own)}
	}
	return []local.Finding{fail("kvm", "/dev/kvm", why+"; and Vagrant asks for KVM",
		enable+", or ask for emulation in "+h.settings.own+": `patience: 10` and `providers: {libvirt: {driver: qemu, "+h.emulatedCPU()+"}}`")}
}

// emulated tells whether machines were asked for that need no KVM.
func (h *host) emulated() bool {
	return h.provider == libvirt && h.settings.of(libvirt, "driver") == "qemu"
}

// findRunning returns which machines of the lab run.
func (h *host) findRunning(ctx context.Context) []string {
	var said, name string
	if h.provider == virtualBox {
		said, _ = output(ctx, "VBoxManage", "list", "runningvms")
		name = h.settings.of(virtualBox, "name")
	} else {
		said, _ = h.virsh(ctx, "list", "--name")
		name = h.settings.of(libvirt, "default_prefix") + "%{machine}"
	}
	names := map[string]bool{}
	for line := range strings.Lines(said) {
		quoted, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), `"`), `"`)
		names[quoted] = true
	}
	var out []string
	for _, n := range h.Inventory.Nodes {
		if names[h.fill(name, n.Name)] {
			out = append(out, n.Name)
		}
	}
	return out
}
