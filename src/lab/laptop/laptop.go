package laptop

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"chatlab/src/lab/inventory"
	"chatlab/src/lab/local"
)

// Options say which lab this host is to carry.
type Options struct {
	Project   string               // folder with vagrant/ and ansible/
	Inventory *inventory.Inventory // the lab's machines and addresses

	// Root is where /proc, /sys, /etc and /dev are looked for; "" is the host's own.
	Root string
	// OS is the host's system as Go names it; "" is the one this program runs on.
	OS string
}

// Providers of Vagrant that the lab knows.
const (
	virtualBox = "virtualbox"
	libvirt    = "libvirt"
)

// host is this machine beside what the lab asks of it.
type host struct {
	Options
	settings settings
	subnets  []subnet
	provider string

	vagrant  version // zero where there is none
	vbox     vboxManage
	usable   bool      // the hypervisor answers
	networks []network // of libvirt
	running  []string  // the lab's machines that run already
}

// Doctor looks at all that could stop `vagrant up`, in a fixed order. What is
// well is among its findings, with the result [local.OK].
func Doctor(ctx context.Context, o Options) []local.Finding {
	if o.OS == "" {
		o.OS = runtime.GOOS
	}
	h := &host{Options: o}
	var err error
	if h.settings, err = readSettings(o.Project); err != nil {
		return []local.Finding{settingsFinding(err)}
	}
	out := h.lookAtVagrant(ctx)
	h.choose(ctx)
	h.subnets = h.subnetsOf()
	ready := h.hypervisor(ctx)
	out = append(out, ready...)
	h.usable = ready[0].Result != local.Fail
	if h.usable {
		h.running = h.findRunning(ctx)
	}
	return append(out, h.together(ctx,
		h.kvm, h.hostOnly, h.routes, h.libvirtNetworks, h.architecture, h.avx, h.virtualization, h.memory, h.disk,
		h.ansible, h.collections, h.box, h.mirrors)...)
}

// Findings are those of [Doctor] that are not well. A host with nothing wrong
// has none.
func Findings(ctx context.Context, o Options) []local.Finding {
	return slices.DeleteFunc(Doctor(ctx, o), func(f local.Finding) bool { return f.Result == local.OK })
}

// together looks at several things at once, and keeps their order.
func (h *host) together(ctx context.Context, looks ...func(context.Context) []local.Finding) []local.Finding {
	found := make([][]local.Finding, len(looks))
	var wg sync.WaitGroup
	for i, look := range looks {
		wg.Go(func() { found[i] = look(ctx) })
	}
	wg.Wait()
	return slices.Concat(found...)
}

// file reads a file of the host.
func (h *host) file(path string) (string, error) {
	text, err := os.ReadFile(filepath.Join(h.Root+"/", path))
	return string(text), err
}

// has tells whether the host has a file or folder.
func (h *host) has(path string) bool {
	_, err := os.Stat(filepath.Join(h.Root+"/", path))
	return err == nil
}

func ok(name, what string) local.Finding {
	return local.Finding{Name: name, What: what, Result: local.OK}
}

func warn(name, what, why, fix string) local.Finding {
	return local.Finding{Name: name, What: what, Result: local.Warn, Why: why, Fix: fix}
}

func fail(name, what, why, fix string) local.Finding {
	return local.Finding{Name: name, What: what, Result: local.Fail, Why: why, Fix: fix}
}
