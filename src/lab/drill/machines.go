package drill

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
)

// Limits of the faults of machines.
const (
	lossPercent  = 10
	longestCut   = 10 * time.Second
	longestGrace = 30 * time.Second
	longestDark  = 3 * time.Second // that a machine stays off: the boot comes on top
	powerOnLimit = time.Minute
	patient      = 4 * time.Second // granted after packets were lost, or a boot, whose services start at once
)

// repair puts a cable back, or boots a machine.
func (u undo) repair(ctx context.Context, host lab.Host) error {
	if u.Join {
		if cable, ok := host.(lab.Networked); ok {
			return cable.Join(ctx)
		}
	}
	if u.PowerOn {
		if machine, ok := host.(lab.Powered); ok {
			ctx, cancel := context.WithTimeout(ctx, powerOnLimit)
			defer cancel()
			return machine.PowerOn(ctx)
		}
	}
	return errs.E(errs.Failed, "%s: this target can neither put a cable back nor switch the power on", u.Node)
}

// On a line that was cut, TCP sends again after a pause that doubles: up to as
// long as the cut was. A packet that is lost a few times in a row costs seconds
// too. That much more than usual is granted until a user is served again.

// partition cuts each node in turn from the private network: for some seconds,
// or where it must raise alarms until it has.
func partition(ctx context.Context, r *run) error {
	nodes := r.lab.Inventory.Nodes
	share := remaining(ctx) / time.Duration(len(nodes))
	full, cancel := r.outlasting(remaining(ctx) + time.Duration(len(nodes))*faultLimit)
	defer cancel()
	for i, n := range nodes {
		r.report.round(i, len(nodes))
		if full.Err() != nil {
			return nil
		}
		shows, hold := r.away(n, share, longestCut)
		err := r.strike(full, fault{name: n.Name + " is cut from the private network", hold: hold, grace: min(hold, longestGrace),
			shows: shows, undos: []undo{{Node: n.Name, Join: true}},
			make: func(ctx context.Context) error {
				return r.cable(n.Name, func(c lab.Networked) error { return c.Cut(ctx) })
			}})
		if err != nil {
			return err
		}
		r.report.round(i+1, len(nodes))
	}
	return nil
}

// packetLoss loses some of what passes, on every node, for all the time.
func packetLoss(ctx context.Context, r *run) error {
	var steps []undo
	for _, n := range r.lab.Inventory.Nodes {
		steps = append(steps, undo{Node: n.Name, Join: true})
	}
	return r.strike(ctx, fault{name: "packets are lost on the private network", hold: remaining(ctx), grace: patient, undos: steps,
		make: func(ctx context.Context) error {
			for _, n := range r.lab.Inventory.Nodes {
				if err := r.cable(n.Name, func(c lab.Networked) error { return c.Lose(ctx, lossPercent) }); err != nil {
					return err
				}
			}
			return nil
		}})
}

func (r *run) cable(node string, f func(lab.Networked) error) error {
	host, err := r.lab.Target.Host(node)
	if err != nil {
		return err
	}
	cable, ok := host.(lab.Networked)
	if !ok {
		return errs.E(errs.Failed, "%s has no cable at hand", node)
	}
	return f(cable)
}

// powerOff kills each machine in turn, with all that it runs, and boots it: at once,
// or where it must raise alarms when it has. It takes the time of a boot for each,
// however short the drill is to be.
func powerOff(asked context.Context, r *run) error {
	nodes := r.lab.Inventory.Nodes
	share := remaining(asked) / time.Duration(len(nodes))
	ctx, cancel := r.outlasting(remaining(asked) + time.Duration(len(nodes))*2*powerOnLimit)
	defer cancel()
	for i, n := range nodes {
		r.report.round(i, len(nodes))
		if ctx.Err() != nil {
			return nil
		}
		shows, hold := r.away(n, share, longestDark)
		f := r.dark(n.Name+" loses its power", hold, patient, n)
		f.shows = shows
		if err := r.strike(ctx, f); err != nil {
			return err
		}
		r.report.round(i+1, len(nodes))
	}
	return nil
}

// dark is the fault of machines that lose their power, all at once.
func (r *run) dark(name string, hold, grace time.Duration, nodes ...inventory.Node) fault {
	f := fault{name: name, hold: hold, grace: grace}
	for _, n := range nodes {
		f.undos = append(f.undos, undo{Node: n.Name, PowerOn: true})
	}
	f.make = func(ctx context.Context) error {
		var together errgroup.Group
		for _, n := range nodes {
			machine, err := r.machine(n)
			if err != nil {
				return err
			}
			together.Go(func() error { return machine.PowerOff(ctx) })
		}
		return together.Wait()
	}
	return f
}

func (r *run) machine(n inventory.Node) (lab.Powered, error) {
	host, err := r.lab.Target.Host(n.Name)
	if err != nil {
		return nil, err
	}
	machine, ok := host.(lab.Powered)
	if !ok {
		return nil, errs.E(errs.Failed, "%s has no switch at hand", n.Name)
	}
	return machine, nil
}
