package drill

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/wait"
)

const (
	spareFiles   = 64               // descriptors that a process has left
	idlers       = 2 * spareFiles   // connections that take them
	shortestIdle = 10 * time.Second // that they stay
	idleLimit    = 2 * time.Minute  // for one service, with its recovery
)

// Scripts about the process $1: how many more files it may open, and whether it has
// opened all. One that is gone has: chatd ends at once when its log cannot open a file.
const (
	setFiles  = `prlimit --pid "$1" --nofile=$(($(ls "/proc/$1/fd" | wc -l) + $2)):`
	giveFiles = `prlimit --pid "$1" --nofile="$2": 2>/dev/null || true` // it may be gone
	askFiles  = `prlimit --pid "$1" --nofile --output SOFT --noheadings --raw`
	usedFiles = `[ ! -e "/proc/$1" ] || [ "$(ls "/proc/$1/fd" | wc -l)" -ge "$(prlimit --pid "$1" --nofile --output SOFT --noheadings --raw)" ]`
)

// outOfFiles opens idle connections to each server of the users in turn, as many as
// its descriptors allow, and closes them. It may have few more than it has open now.
func outOfFiles(asked context.Context, r *run) error {
	places := r.places(inventory.Authd, inventory.Chatd)
	hold := max(shortestIdle, remaining(asked)/time.Duration(len(places)))
	ctx, cancel := r.outlasting(time.Duration(len(places)) * (hold + idleLimit))
	defer cancel()
	for _, p := range places {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := r.takeFiles(ctx, p, hold); err != nil {
			return err
		}
	}
	return nil
}

// takeFiles takes the descriptors of one service. A service that does not serve again
// by itself breaks the drill, and is restarted.
func (r *run) takeFiles(ctx context.Context, p place, hold time.Duration) error {
	host, pid, err := r.process(ctx, p)
	if err != nil {
		return err
	}
	before, err := host.Run(ctx, "sh", "-c", askFiles, "sh", pid)
	if err != nil {
		return err
	}
	node, _ := r.lab.Inventory.Node(p.node)
	crowd := &crowd{}
	full := false
	f := fault{name: "idle connections take all descriptors of " + p.service + " on " + p.node, hold: hold,
		grace: max(0, spaceLimit-r.opt.Recovery) + r.election(p.service),
		undos: []undo{{Node: p.node, Run: []string{"sh", "-c", giveFiles, "sh", pid, strings.TrimSpace(before)}}}}
	f.make = func(ctx context.Context) error {
		if _, err := host.Run(ctx, "sh", "-c", setFiles, "sh", pid, strconv.Itoa(spareFiles)); err != nil {
			return err
		}
		crowd.gather(r.lab.Inventory.Address(p.service, node))
		full = wait.Until(ctx, 200*time.Millisecond, func() bool {
			_, err := host.Run(ctx, "sh", "-c", usedFiles, "sh", pid)
			return err == nil
		})
		return nil
	}
	f.after = crowd.leave
	err = r.strike(ctx, f)
	if !full {
		r.report.Broken = append(r.report.Broken, fmt.Sprintf("%s on %s always had descriptors left", p.service, p.node))
	}
	if err == nil || ctx.Err() != nil {
		return err
	}
	r.report.Broken = append(r.report.Broken, fmt.Sprintf("after %q it needed a restart: %s", f.name, err))
	return r.restartNode(ctx, node)
}

// process returns the process of a service and its machine.
func (r *run) process(ctx context.Context, p place) (lab.Host, string, error) {
	host, err := r.lab.Target.Host(p.node)
	if err != nil {
		return nil, "", err
	}
	rows, err := r.lab.Target.Status(ctx)
	if err != nil {
		return nil, "", err
	}
	i := slices.IndexFunc(rows, func(s lab.ServiceStatus) bool { return s.Node == p.node && s.Service == p.service })
	if i < 0 || rows[i].PID == 0 {
		return nil, "", errs.E(errs.Failed, "%s on %s does not run", p.service, p.node)
	}
	return host, strconv.Itoa(rows[i].PID), nil
}

// crowd are connections to a server that say nothing. One that the server closes comes
// back.
type crowd struct {
	cancel context.CancelFunc
	all    sync.WaitGroup
}

func (c *crowd) gather(addr string) {
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	for range idlers {
		c.all.Go(func() {
			wait.Every(ctx, 100*time.Millisecond, func() { idle(ctx, addr) })
		})
	}
}

func (c *crowd) leave() {
	if c.cancel != nil {
		c.cancel()
	}
	c.all.Wait()
}

// idle holds one connection until the server closes it, or ctx ends.
func idle(ctx context.Context, addr string) {
	d := net.Dialer{Timeout: probeTry}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	buf := make([]byte, 512)
	for {
		if _, err := conn.Read(buf); err != nil {
			return
		}
	}
}
