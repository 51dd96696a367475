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
		"use a host with an x86-64 processor; or emulate one with libvirt, slowly, in "+h.settings.own+": `patience: 10` and `providers: {libvirt: {driver: qemu, machine_arch: x86_64, cpu_mode: custom, cpu_model: qemu64}}`")}
}

// avx looks for what MongoDB from 5.0 on cannot do without. It is told where the
// kernel lists what the processor can do.
func (h *host) avx(context.Context) []local.Finding {
	text, err := h.file("proc/cpuinfo")
	if err != nil || h.settings.embedded() {
		return nil
	}
	var flags []string
	for line := range strings.Lines(text) {
		if key, list, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == "flags" {
			flags = strings.Fields(list)
			break
		}
	}
	if flags == nil { // another architecture, of which there is a finding
		return nil
	}
	embedded := "`variables: {mongodb_embedded: true}` in " + h.settings.own + " keeps the event log without MongoDB"
	var out []local.Finding
	switch {
	case h.emulated() && h.settings.of(libvirt, "cpu_mode") != "maximum":
		out = append(out, warn("cpu.avx", "AVX of the emulated processor", "most of QEMU's processors have none, and MongoDB 5.0 and newer end with \"Illegal instruction\"", embedded))
	case !h.emulated() && !slices.Contains(flags, "avx"):
		out = append(out, fail("cpu.avx", "AVX of the processor", "it has none, and MongoDB 5.0 and newer end with \"Illegal instruction\"", embedded+"; in a virtual machine, pass the host's processor on"))
	default:
		out = append(out, ok("cpu.avx", "AVX of the processor"))
	}
	if h.provider == virtualBox && !slices.Contains(flags, "vmx") && !slices.Contains(flags, "svm") {
		out = append(out, fail("cpu.virtualization", "VT-x or AMD-V of the processor", "VirtualBox starts no machine without it", "switch it on in the firmware (or nested virtualization, in a virtual machine), or emulate: "+useTheOtherOne))
	}
	return out
}
