package laptop

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"chatlab/src/lab/local"
)

// vboxManage is VirtualBox, by what its program says.
type vboxManage struct{ version version }

// drivers say from which version on Vagrant knows a series of VirtualBox, as
// its change log has it. Series that are older, every Vagrant of ours knows.
var drivers = []struct{ virtualBox, vagrant version }{
	{version{7, 0}, version{2, 3, 2}},
	{version{7, 1}, version{2, 4, 2}},
	{version{7, 2}, version{2, 4, 9}},
}

func (h *host) virtualBox(ctx context.Context) []local.Finding {
	if !installed("VBoxManage") {
		return []local.Finding{fail("hypervisor", "VirtualBox", "`VBoxManage` is not installed", "install VirtualBox: "+virtualBoxSite+", or use "+useTheOtherOne)}
	}
	said, err := output(ctx, "VBoxManage", "--version")
	if err != nil {
		return []local.Finding{fail("hypervisor", "VirtualBox", err.Error(), "install it again: "+virtualBoxSite)}
	}
	h.vbox.version = parseVersion(lastLine(said)) // warnings come before
	what := "VirtualBox " + h.vbox.version.String()
	switch {
	case strings.Contains(said, "kernel module"):
		return []local.Finding{fail("hypervisor", what, "its kernel module vboxdrv is not loaded", "`sudo /sbin/vboxconfig`; with Secure Boot the module must be signed first")}
	case h.vbox.version == nil:
		return []local.Finding{warn("hypervisor", "VirtualBox", "`VBoxManage --version` says no version: "+lastLine(said), "install it again: "+virtualBoxSite)}
	}
	out := []local.Finding{ok("hypervisor", what)}
	return append(append(out, h.matched()...), h.beside()...)
}

// matched tells whether Vagrant knows this VirtualBox.
func (h *host) matched() []local.Finding {
	if h.vagrant == nil {
		return nil
	}
	what := fmt.Sprintf("Vagrant %s with VirtualBox %s", h.vagrant, h.vbox.version)
	newest := drivers[len(drivers)-1]
	needs, known := newest.vagrant, ""
	for _, d := range drivers {
		if d.virtualBox.compare(h.vbox.version.series()) == 0 {
			needs = d.vagrant
		}
		if !h.vagrant.before(d.vagrant) {
			known = d.virtualBox.String()
		}
	}
	strange := newest.virtualBox.before(h.vbox.version.series()) && !newest.vagrant.before(h.vagrant)
	if h.vbox.version.before(drivers[0].virtualBox) || !strange && !h.vagrant.before(needs) {
		return []local.Finding{ok("hypervisor.match", what)}
	}
	wanted := needs.String() + " or newer"
	if strange {
		wanted = "newer than " + newest.vagrant.String()
	}
	return []local.Finding{fail("hypervisor.match", what, fmt.Sprintf("this Vagrant knows VirtualBox up to %s", known),
		fmt.Sprintf("install a Vagrant that is %s: %s; or VirtualBox %s; or use %s", wanted, vagrantInstall, known, useTheOtherOne))}
}

// svmShared is the first VirtualBox that leaves KVM alone.
var svmShared = version{7, 2, 10}

// beside looks for KVM, which holds the processor from Linux 6.12 on.
func (h *host) beside() []local.Finding {
	held, err := h.file("sys/module/kvm/parameters/enable_virt_at_load")
	loaded := h.has("sys/module/kvm_intel") || h.has("sys/module/kvm_amd")
	if h.OS != "linux" || err != nil || !loaded || !strings.HasPrefix(held, "Y") || !h.vbox.version.before(svmShared) {
		return nil
	}
	return []local.Finding{warn("hypervisor.kvm", "VirtualBox beside KVM", "KVM is loaded and holds the processor's virtualization: machines end with VERR_VMX_IN_VMX_ROOT_MODE or VERR_SVM_IN_USE",
		"`sudo modprobe -r kvm_intel kvm_amd kvm`, for good `options kvm enable_virt_at_load=0` in /etc/modprobe.d/virtualbox.conf; or use "+useTheOtherOne)}
}

// hostOnlyDefault is what VirtualBox allows where nobody says else.
const hostOnlyDefault = "192.168.56.0/21"

const hostOnlyFile = "/etc/vbox/networks.conf"

// hostOnly compares the lab's networks with those that VirtualBox allows.
func (h *host) hostOnly(context.Context) []local.Finding {
	first, free := version{6, 1, 28}, version{7}
	v := h.vbox.version
	if v == nil || v.before(first) || h.OS == "windows" || h.OS == "darwin" && !v.before(free) {
		return nil
	}
	what := "VirtualBox's allowed networks, " + hostOnlyFile
	allowed, bad, written := h.allowed()
	if bad != "" {
		return []local.Finding{fail("hostonly", what, fmt.Sprintf("%q is not a network", bad), "write ADDRESS/BITS in its place")}
	}
	var why, line []string
	if !written {
		line = append(line, hostOnlyDefault) // the file stands in for the default
	}
	for _, s := range h.subnets {
		inside := func(p netip.Prefix) bool { return p.Bits() <= s.prefix.Bits() && p.Contains(s.prefix.Addr()) }
		if s.onHost && !slices.ContainsFunc(allowed, inside) {
			why = append(why, s.String())
			line = append(line, s.prefix.String())
		}
	}
	if why == nil {
		return []local.Finding{ok("hostonly", what)}
	}
	return []local.Finding{fail("hostonly", what, "not allowed: "+strings.Join(why, "; "),
		fmt.Sprintf("sudo mkdir -p /etc/vbox; echo '* %s' | sudo tee -a %s", strings.Join(line, " "), hostOnlyFile))}
}

// allowed reads VirtualBox's file as Vagrant does: only lines with a star.
func (h *host) allowed() (ranges []netip.Prefix, bad string, written bool) {
	text, err := h.file(hostOnlyFile)
	if err != nil {
		return []netip.Prefix{netip.MustParsePrefix(hostOnlyDefault)}, "", false
	}
	for line := range strings.Lines(text) {
		rest, star := strings.CutPrefix(strings.TrimSpace(line), "*")
		if !star {
			continue
		}
		for _, entry := range strings.Fields(rest) {
			p, err := netip.ParsePrefix(entry)
			if err != nil {
				return nil, entry, true
			}
			ranges = append(ranges, p.Masked())
		}
	}
	return ranges, "", true
}
