package incident

import (
	"context"
	"net"
	"strconv"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/drill"
	"chatlab/src/lab/inventory"
)

// crashTime is how long a service with settings that it refuses is waited for.
const crashTime = 5 * time.Second

func (p place) undo(a lab.Action) drill.Undo {
	return drill.Undo{Node: p.node.Name, Service: p.fault.Service, Action: a}
}

func (p place) do(a lab.Action) func(context.Context) error {
	return func(ctx context.Context) error { return p.host.Do(ctx, p.fault.Service, a) }
}

// goOn lets a process go on that may be gone. A frozen logger outlives the daemon that
// started it, and keeps the spool from the next one.
const goOn = `kill -CONT "$1" 2>/dev/null || true`

func freeze(ctx context.Context, p place) (breakage, error) {
	daemon := drill.Carriers(p.fault.Service)
	undos := []drill.Undo{{Node: p.node.Name, Service: daemon, Action: lab.Start}, p.undo(lab.Thaw)}
	if daemon != p.fault.Service {
		pid, err := p.pid(ctx)
		if err != nil {
			return breakage{}, err
		}
		undos = append(undos, drill.Undo{Node: p.node.Name, Run: []string{"sh", "-c", goOn, "sh", pid}})
	}
	return breakage{undos, p.do(lab.Freeze)}, nil
}

// pid returns the process of the service, as its machine calls it. Code failed.
func (p place) pid(ctx context.Context) (string, error) {
	rows, err := p.lab.Target.Status(ctx)
	if err != nil {
		return "", err
	}
	for _, row := range rows {
		if row.Node == p.node.Name && row.Service == p.fault.Service && row.PID > 0 {
			return strconv.Itoa(row.PID), nil
		}
	}
	return "", errs.E(errs.Failed, "%s on %s does not run", p.fault.Service, p.node.Name)
}

func stop(_ context.Context, p place) (breakage, error) {
	return breakage{[]drill.Undo{p.undo(lab.Start)}, p.do(lab.Stop)}, nil
}

// override is a fault by other settings.
func (p place) override(settings map[string]any, more ...drill.Undo) breakage {
	restore := drill.Undo{Node: p.node.Name, Service: p.fault.Service, Restore: true}
	return breakage{append(more, restore), func(ctx context.Context) error {
		tunable, ok := p.host.(lab.Tunable)
		if !ok {
			return errs.E(errs.Usage, "target %s cannot change a service's settings", p.lab.Target.Name())
		}
		if !p.fault.Crash {
			return tunable.Override(ctx, p.fault.Service, settings)
		}
		limit, cancel := context.WithTimeout(ctx, lab.Allow(p.lab.Target, crashTime))
		defer cancel()
		if err := tunable.Override(limit, p.fault.Service, settings); err == nil {
			return errs.E(errs.Failed, "%s on %s starts with the settings that it should refuse", p.fault.Service, p.node.Name)
		}
		return ctx.Err()
	}}
}

func setting(_ context.Context, p place) (breakage, error) { return p.override(p.fault.Set), nil }

// wrongPort gives a setting the addresses of a service, with another port.
func wrongPort(_ context.Context, p place) (breakage, error) {
	var addrs []string
	for _, n := range p.lab.Inventory.Members(p.fault.Of) {
		host, _, err := net.SplitHostPort(p.lab.Inventory.Address(p.fault.Of, n))
		if err != nil {
			return breakage{}, errs.E(errs.Usage, "address of %s: %w", p.fault.Of, err)
		}
		addrs = append(addrs, net.JoinHostPort(host, strconv.Itoa(p.fault.Port)))
	}
	if len(addrs) == 0 {
		return breakage{}, errs.E(errs.Usage, "the lab has no %s", p.fault.Of)
	}
	var value any = addrs
	if p.fault.Of == inventory.MongoDB {
		value = "mongodb://" + addrs[0] + "/"
	}
	return p.override(map[string]any{p.fault.Setting: value}), nil
}
