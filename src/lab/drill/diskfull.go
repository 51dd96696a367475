package drill

import (
	"context"
	"fmt"
	"slices"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
)

const (
	shortestFull = 10 * time.Second // that a disk stays full: chatd holds a line that it cannot store for 5
	spaceLimit   = 10 * time.Second // until users are served again when there is space
	fullLimit    = 2 * time.Minute  // for one node, with restarts of services that do not recover
	fullName     = "takes-all-the-space"
)

// fillScript takes all the space of the file system of a folder, with two files: most at
// once, and the last MiB by writing until nothing fits.
const fillScript = `free=$(df --output=avail -B1 "$1" | tail -n 1) && fallocate -l $((free - 1048576)) "$1/$2" || exit 1
dd if=/dev/zero of="$1/$2.end" bs=4096 2>/dev/null
[ "$(df --output=avail -B4096 "$1" | tail -n 1)" -eq 0 ]`

// diskFull fills the disk of each node in turn, and frees it.
func diskFull(asked context.Context, r *run) error {
	nodes := r.lab.Inventory.Nodes
	hold := max(shortestFull, remaining(asked)/time.Duration(len(nodes)))
	ctx, cancel := r.outlasting(time.Duration(len(nodes)) * (hold + fullLimit))
	defer cancel()
	for _, n := range nodes {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := r.fillDisk(ctx, n, hold); err != nil {
			return err
		}
	}
	r.expect = append(r.expect, r.onlyUnavailable)
	return nil
}

// fillDisk fills the disk of one node. Services that do not serve again by themselves
// break the drill, and are restarted.
func (r *run) fillDisk(ctx context.Context, n inventory.Node, hold time.Duration) error {
	host, err := r.lab.Target.Host(n.Name)
	if err != nil {
		return err
	}
	lossy, ok := host.(lab.Lossy)
	if !ok {
		return errs.E(errs.Failed, "%s has no disk of its own", n.Name)
	}
	disk, err := lossy.Disk()
	if err != nil {
		return err
	}
	fill, back := FillDisk(host, disk)
	f := fault{name: "the disk of " + n.Name + " is full", hold: hold, grace: max(0, spaceLimit-r.opt.Recovery),
		undos: []undo{back},
		make: func(ctx context.Context) error {
			ctx, cancel := begun(ctx)
			defer cancel()
			return fill(ctx)
		}}
	if err = r.strike(ctx, f); err == nil || ctx.Err() != nil {
		return err
	}
	r.report.Broken = append(r.report.Broken, fmt.Sprintf("after %q the services of %s needed a restart: %s", f.name, n.Name, err))
	return r.restartNode(ctx, n)
}

// restartNode restarts the services of a node and waits until a user is served.
func (r *run) restartNode(ctx context.Context, n inventory.Node) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fullLimit)
	defer cancel()
	for _, service := range []string{inventory.MongoDB, inventory.MariaDB, inventory.Logd, inventory.Authd, inventory.Chatd, inventory.Healthd} {
		if slices.Contains(r.lab.Inventory.Services(n), service) {
			if err := r.do(ctx, place{n.Name, service}, lab.Restart); err != nil {
				return err
			}
		}
	}
	_, _, err := r.probe.untilServed(ctx)
	return err
}

// onlyUnavailable makes sure that users were refused with the code of a service that
// cannot write, and with no other but that of a planned restart.
func (r *run) onlyUnavailable(context.Context) error {
	refused := map[errs.Code]int{}
	for _, m := range r.crew.chats {
		merge(refused, m.chat.Stats().Refused) // the client sends these lines again
	}
	merge(refused, r.report.Refused)
	if refused[errs.Unavailable] == 0 {
		return errs.E(errs.Failed, "no user was told %s while a disk was full", errs.Unavailable)
	}
	for code := range refused {
		if !honest[code] && code != errs.Shutdown { // chatd ends to open its log anew
			return errs.E(errs.Failed, "users were refused with another code than %s: %s", errs.Unavailable, byCode(refused))
		}
	}
	return nil
}
