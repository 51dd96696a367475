package nspawn

import (
	"context"
	"errors"
	"fmt"
	"os"

	"chatlab/src/errs"
	"chatlab/src/lab/local"
)

// try does, in namespaces that end with it, what machines and their networks need
// of the kernel. A container often has a root who may not.
const try = `mount -t tmpfs none /mnt
ip link add chatlab0 type bridge
ip link add chatlab1 type veth peer name chatlab2
nft add table inet chatlab`

const rightsFix = "run it on a host of your own or in a virtual machine; a container must be privileged. --target local needs none of it"

// rights tells whether root may do here what machines need.
func rights(ctx context.Context) []local.Finding {
	space := local.Finding{Name: "kernel.namespaces", What: "mounts, bridges and rules in a namespace", Result: local.OK}
	if _, err := feed(ctx, try, "unshare", "--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "sh", "-e"); err != nil {
		space.Result, space.Why, space.Fix = local.Fail, "root may not: "+err.Error(), rightsFix
	}
	groups := local.Finding{Name: "kernel.cgroups", What: "control groups for the machines", Result: local.OK}
	if err := tryGroups(); err != nil {
		groups.Result, groups.Why, groups.Fix = local.Fail, err.Error(), rightsFix
	}
	return []local.Finding{space, groups}
}

// tryGroups makes control groups as a machine's and removes them.
func tryGroups() error {
	name := fmt.Sprint("chatlab-try-", os.Getpid())
	if len(hierarchies()) == 0 {
		return errs.E(errs.Failed, "no control groups are mounted")
	}
	_, err := makeGroups(name)
	return errors.Join(err, removeGroups(name))
}
