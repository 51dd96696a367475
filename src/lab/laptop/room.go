package laptop

import (
	"context"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"chatlab/src/lab/local"
)

// missing are the machines that would start: the others have their memory.
func (h *host) missing() []string {
	var out []string
	for _, n := range h.Inventory.Nodes {
		if !slices.Contains(h.running, n.Name) {
			out = append(out, n.Name)
		}
	}
	return out
}

// memory compares what the machines ask for with what the host has, in MiB.
func (h *host) memory(ctx context.Context) []local.Finding {
	asked, names := 0, h.missing()
	for _, name := range names {
		if own := h.settings.Machines[name].Memory; own > 0 {
			asked += own
		} else {
			asked += h.settings.Memory
		}
	}
	total, free, known := h.memoryOf(ctx)
	what := fmt.Sprintf("memory: %d machines ask for %d MiB", len(names), asked)
	less := "give them less: `memory` and `machines` in " + h.settings.own
	switch {
	case !known:
		return nil
	case asked > total:
		return []local.Finding{fail("memory", what, fmt.Sprintf("this host has %d", total), less)}
	case asked > free:
		return []local.Finding{warn("memory", what, fmt.Sprintf("%d of this host's %d are free", free, total), "end other programs, or "+less)}
	}
	return []local.Finding{ok("memory", what)}
}

func (h *host) memoryOf(ctx context.Context) (total, free int, known bool) {
	if text, err := h.file("proc/meminfo"); err == nil {
		total, free = meminfo(text, "MemTotal:"), meminfo(text, "MemAvailable:")
		return total, free, total > 0
	}
	if h.OS != "darwin" {
		return 0, 0, false
	}
	said, err := output(ctx, "sysctl", "-n", "hw.memsize")
	bytes, e := strconv.Atoi(strings.TrimSpace(said))
	return bytes >> 20, bytes >> 20, err == nil && e == nil
}

// meminfo returns a line of /proc/meminfo in MiB.
func meminfo(text, key string) int {
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == key {
			kib, _ := strconv.Atoi(fields[1])
			return kib >> 10
		}
	}
	return 0
}

// What a machine's disk grows to, and boxes, in MiB: the disks of the target
// nspawn's three machines stay below 4 GiB in all; a kernel, swap and logs add to it.
const (
	diskLeast = 1024
	diskWell  = 2048
	boxRoom   = 1024
)

// disk looks at the folders that machines and boxes are kept in.
func (h *host) disk(ctx context.Context) []local.Finding {
	n := len(h.missing())
	out := h.room(ctx, "disk.boxes", "boxes", vagrantHome(), boxRoom/2, boxRoom, "VAGRANT_HOME=DIR")
	switch {
	case n == 0 || h.provider == "":
		return out
	case h.provider == virtualBox:
		return append(out, h.room(ctx, "disk.machines", "machines", h.machineFolder(ctx), n*diskLeast, n*diskWell, "VBoxManage setproperty machinefolder DIR")...)
	}
	return append(out, h.room(ctx, "disk.machines", "machines", h.pool(ctx), n*diskLeast, n*diskWell, "`providers: {libvirt: {storage_pool_name: NAME}}` in "+h.settings.own)...)
}

func (h *host) room(ctx context.Context, name, of, dir string, least, most int, other string) []local.Finding {
	if dir == "" {
		return nil
	}
	what := fmt.Sprintf("free space for %s in %s", of, dir)
	said, err := output(ctx, "df", "-Pk", nearest(dir))
	fields := strings.Fields(lastLine(said))
	if err != nil || len(fields) < 4 {
		return []local.Finding{warn(name, what, "`df` does not tell it", "look whether there are "+strconv.Itoa(most)+" MiB")}
	}
	kib, _ := strconv.Atoi(fields[3])
	free := kib >> 10
	why, fix := fmt.Sprintf("%d MiB are free, up to %d are needed", free, most), "make room, or name another folder: "+other
	switch {
	case free < least:
		return []local.Finding{fail(name, what, why, fix)}
	case free < most:
		return []local.Finding{warn(name, what, why, fix)}
	}
	return []local.Finding{ok(name, what)}
}

// nearest returns the deepest folder of a path that exists.
func nearest(path string) string {
	for path != filepath.Dir(path) {
		if _, err := os.Stat(path); err == nil {
			break
		}
		path = filepath.Dir(path)
	}
	return path
}

func vagrantHome() string {
	if dir := os.Getenv("VAGRANT_HOME"); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".vagrant.d")
}

// machineFolder is where VirtualBox keeps disks; "" where it does not say.
func (h *host) machineFolder(ctx context.Context) string {
	said, _ := output(ctx, "VBoxManage", "list", "systemproperties")
	for line := range strings.Lines(said) {
		if rest, found := strings.CutPrefix(line, "Default machine folder:"); found {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// pool is where libvirt keeps disks; a pool that is not there Vagrant makes.
func (h *host) pool(ctx context.Context) string {
	name := h.settings.of(libvirt, "storage_pool_name")
	if name == "" {
		name = "default"
	}
	var pool struct {
		Path string `xml:"target>path"`
	}
	said, err := h.virsh(ctx, "pool-dumpxml", name)
	if err != nil || xml.Unmarshal([]byte(said), &pool) != nil || pool.Path == "" {
		return "/var/lib/libvirt/images"
	}
	return pool.Path
}
