package laptop

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"chatlab/src/lab/local"
)

// architecture: what the lab is made of is there for x86-64 only.
func (h *host) architecture(ctx context.Context) []local.Finding {
	said, err := output(ctx, "uname", "-m")
	machine := strings.TrimSpace(said)
	if err != nil || machine == "x86_64" || machine == "amd64" {
		return []local.Finding{ok("architecture", "the processor's architecture")}
	}
	what := "the processor's architecture, " + machine
	why := fmt.Sprintf("the boxes and packages of profile %s are for x86_64", h.settings.Profile)
	if h.emulated() && h.settings.of(libvirt, "machine_arch") == "x86_64" {
		return []local.Finding{warn("architecture", what, why+": the machines are emulated, and about ten times slower", "use a host with an x86-64 processor")}
	}
	return []local.Finding{fail("architecture", what, why,
		"use a host with an x86-64 processor; or emulate one with libvirt, slowly, in "+h.settings.own+": `patience: 10` and `providers: {libvirt: {driver: qemu, machine_arch: x86_64, "+h.emulatedCPU()+"}}`")}
}

// flags are what the processor can do, where the kernel lists it: of another
// architecture there is a finding of its own.
func (h *host) flags() []string {
	text, err := h.file("proc/cpuinfo")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(text) {
		if key, list, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == "flags" {
			return strings.Fields(list)
		}
	}
	return nil
}

// avx looks for what MongoDB from 5.0 on cannot do without.
func (h *host) avx(context.Context) []local.Finding {
	flags := h.flags()
	if flags == nil || h.embedded() {
		return nil
	}
	embedded := "`variables: {mongodb_embedded: true}` in " + h.settings.own + " keeps the event log without MongoDB"
	what, why := "AVX of the processor", "MongoDB 5.0 and newer end with \"Illegal instruction\""
	switch {
	case h.emulated() && h.settings.of(libvirt, "cpu_mode") != "maximum":
		return []local.Finding{warn("cpu.avx", "AVX of the emulated processor", "most of QEMU's processors have none, and "+why, embedded)}
	case !h.emulated() && !slices.Contains(flags, "avx"):
		return []local.Finding{fail("cpu.avx", what, "it has none, and "+why, embedded+"; in a virtual machine, pass the host's processor on")}
	}
	return []local.Finding{ok("cpu.avx", what)}
}

// virtualization is what VirtualBox cannot do without.
func (h *host) virtualization(context.Context) []local.Finding {
	flags := h.flags()
	if flags == nil || h.provider != virtualBox {
		return nil
	}
	what := "VT-x or AMD-V of the processor"
	if slices.Contains(flags, "vmx") || slices.Contains(flags, "svm") {
		return []local.Finding{ok("cpu.virtualization", what)}
	}
	return []local.Finding{fail("cpu.virtualization", what, "VirtualBox starts no machine without it",
		"switch it on in the firmware (or nested virtualization, in a virtual machine), or emulate: "+useTheOtherOne)}
}

// emulatedCPU is one of QEMU's processors that the profile's system runs on.
func (h *host) emulatedCPU() string {
	if h.settings.Profile == "el9" { // it is built for x86-64-v2
		return "cpu_mode: custom, cpu_model: Nehalem"
	}
	return "cpu_mode: custom, cpu_model: qemu64"
}
