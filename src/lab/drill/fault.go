package drill

import (
	"context"
	"errors"
	"time"

	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/wait"
)

// The loggers, as [lab.Host.Do] calls them: children of authd and chatd.
const (
	authLogger = "authd-logger"
	chatLogger = "chatd-logger"
)

// carriers names the group whose nodes carry a service.
func carriers(service string) string {
	switch service {
	case authLogger:
		return inventory.Authd
	case chatLogger:
		return inventory.Chatd
	}
	return service
}

// fault is one thing that is broken, kept so for a while, and healed.
type fault struct {
	name  string
	hold  time.Duration
	shows []string      // hosts of Zabbix: held no longer than until their alarms are raised
	grace time.Duration // granted beyond the limit until a user is served
	undos []undo
	make  func(context.Context) error
	after func() // may be nil: ends what make began, before the heal
}

// on builds a fault from one action on a service of a node and what undoes it.
func (r *run) on(node, service string, do, back lab.Action, hold time.Duration) fault {
	f := fault{name: string(do) + " " + service + " on " + node, hold: hold, grace: r.election(service)}
	if back != "" {
		f.undos = []undo{{Node: node, Service: service, Action: back}}
	}
	f.make = func(ctx context.Context) error { return r.do(ctx, place{node, service}, do) }
	return f
}

// election is granted to a service whose members must find out that one is gone
// before they choose another to lead: all are asked whether they serve.
func (r *run) election(service string) time.Duration {
	if service == inventory.Chatd && len(r.lab.Inventory.Members(inventory.Chatd)) > 1 {
		return chatGap
	}
	return 0
}

// begun is for a step that, once begun, is brought to its end: the end of the
// drill's time is no failure of it.
func begun(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
}

// outlasting returns a context that does not end with the drill's time, but with its
// interruption, also when that comes later.
func (r *run) outlasting(limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.caller, limit)
}

// strike makes a fault, holds it, heals it and waits until a user is served
// again. The heal happens whatever becomes of ctx.
func (r *run) strike(ctx context.Context, f fault) error {
	if err := r.journal.add(f.undos); err != nil {
		return err
	}
	r.report.Faults++
	r.say("%s", f.name)
	r.mark("fault: %s", f.name)
	span := r.report.begins(f.name)
	madeErr := f.make(ctx)
	if madeErr == nil {
		r.hold(ctx, f)
	}
	if f.after != nil {
		f.after()
	}
	healing, cancel := begun(ctx)
	defer cancel()
	if err := healSteps(healing, r.lab, r.journal, f.undos); err != nil {
		return errors.Join(madeErr, err)
	}
	span.Healed = r.report.since()
	r.mark("healed: %s", f.name)
	if madeErr != nil {
		return madeErr
	}
	back, where, err := r.probe.untilServed(healing)
	if err != nil {
		return err
	}
	span.Served = r.report.since()
	r.report.back(f.name, back, f.grace, where.String())
	full, end := r.outlasting(wholeLimit)
	defer end()
	return r.whole(full)
}

// hold keeps a fault for its time, or until what it must show has been shown.
func (r *run) hold(ctx context.Context, f fault) {
	if r.mustShow(f.shows) {
		r.vigil.until(ctx, f.hold, func() bool { return r.vigil.paid(f.shows) })
		return
	}
	wait.Sleep(ctx, f.hold)
}

// mustShow tells whether Zabbix must raise something on the named hosts.
func (r *run) mustShow(hosts []string) bool { return r.vigil != nil && r.vigil.owes(hosts) }

// shown tells whether Zabbix has raised all that the drill must raise.
func (r *run) shown() bool { return r.vigil != nil && r.vigil.done() }

// everySecond strikes with what next gives, at the most once a second, until
// ctx ends or Zabbix has raised what the drill must raise.
func (r *run) everySecond(ctx context.Context, next func(i int) fault) error {
	var err error
	i := 0
	wait.Until(ctx, time.Second, func() bool {
		if ctx.Err() != nil || r.shown() {
			return true
		}
		err = r.strike(ctx, next(i))
		i++
		return err != nil
	})
	return err
}
