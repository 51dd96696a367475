package laptop

import (
	"context"
	"strings"

	"chatlab/src/lab/local"
)

// The oldest that the Vagrantfile was tested with.
var vagrantLeast = version{2, 3, 4}

const (
	vagrantInstall = "https://developer.hashicorp.com/vagrant/install"
	installVagrant = "install it: `apt-get install --no-install-recommends vagrant vagrant-libvirt`, or " + vagrantInstall
	virtualBoxSite = "https://www.virtualbox.org/wiki/Downloads"
	useTheOtherOne = "`vagrant up --provider=libvirt`"
	installLibvirt = "apt-get install --no-install-recommends vagrant-libvirt libvirt-daemon-system libvirt-clients qemu-system-x86 qemu-utils dnsmasq-base"
)

func (h *host) lookAtVagrant(ctx context.Context) []local.Finding {
	if !installed("vagrant") {
		return []local.Finding{fail("vagrant", "Vagrant", "it is not installed", installVagrant)}
	}
	said, err := output(ctx, "vagrant", "--version")
	if err != nil {
		return []local.Finding{fail("vagrant", "Vagrant", err.Error(), "install it again: "+vagrantInstall)}
	}
	h.vagrant = parseVersion(said)
	what := "Vagrant " + h.vagrant.String()
	switch {
	case h.vagrant == nil:
		return []local.Finding{warn("vagrant", "Vagrant", "`vagrant --version` says no version: "+oneLine(said), "install it again: "+vagrantInstall)}
	case h.vagrant.before(vagrantLeast):
		return []local.Finding{fail("vagrant", what, "the Vagrantfile needs "+vagrantLeast.String()+" or newer", "install a newer one: "+vagrantInstall)}
	}
	return []local.Finding{ok("vagrant", what)}
}

// plugin returns the version of a plugin of Vagrant's; "" where there is none.
func plugin(ctx context.Context, name string) string {
	said, err := output(ctx, "vagrant", "plugin", "list")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(said) {
		if rest, found := strings.CutPrefix(line, name+" ("); found {
			return parseVersion(rest).String()
		}
	}
	return ""
}
