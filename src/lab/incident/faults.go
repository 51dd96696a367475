package incident

import (
	"context"
	"fmt"
	"slices"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/drill"
	"chatlab/src/lab/incident/scenario"
	"chatlab/src/lab/inventory"
)

// breakage is a fault that can be made on a lab: the steps that heal it are known before
// it is made.
type breakage struct {
	undos []drill.Undo
	make  func(context.Context) error
}

// maker plans a fault. It changes nothing.
type maker func(ctx context.Context, p place) (breakage, error)

// place is where a fault is made.
type place struct {
	fault scenario.Fault
	lab   *lab.Lab
	node  inventory.Node
	host  lab.Host
}

// makers has a function for each kind of fault.
var makers = map[string]maker{
	scenario.Freeze:      freeze,
	scenario.Stop:        stop,
	scenario.Setting:     setting,
	scenario.WrongPort:   wrongPort,
	scenario.Key:         otherKey,
	scenario.Certificate: expired,
	scenario.Permissions: permissions,
	scenario.DiskFull:    diskFull,
	scenario.Cable:       cable,
	scenario.Loss:        loss,
	scenario.Delay:       delay,
	scenario.Bandwidth:   bandwidth,
	scenario.Block:       block,
	scenario.Database:    database,
	scenario.Clock:       clock,
}

// Skipped tells why a scenario cannot be played on a lab, or "".
func Skipped(l *lab.Lab, s *scenario.Scenario) string {
	if len(s.Needs.Targets) > 0 && !slices.Contains(s.Needs.Targets, l.Target.Name()) {
		return "it is not for target " + l.Target.Name()
	}
	if n := len(l.Inventory.Members(inventory.Chatd)); n < s.Needs.Chatd {
		return "the lab has not so many chat servers (--topology ha)"
	}
	for _, service := range s.Needs.Services {
		if len(l.Inventory.Members(drill.Carriers(service))) == 0 {
			return "the lab has no " + service
		}
	}
	for _, service := range s.Needs.Alone {
		if n := len(l.Inventory.Members(drill.Carriers(service))); n != 1 {
			return fmt.Sprintf("the lab has %d %s, and several hide the fault", n, service)
		}
	}
	for _, f := range s.Faults {
		if why := cannot(l, f); why != "" {
			return why
		}
	}
	return ""
}

// cannot tells why a lab cannot have a fault, or "".
func cannot(l *lab.Lab, f scenario.Fault) string {
	p, err := placeOf(l, f)
	if err != nil {
		return err.Error()
	}
	if why := lacks[f.Kind]; why != nil {
		return why(p)
	}
	return ""
}

// placeOf finds the node of a fault. Code usage when the lab has none.
func placeOf(l *lab.Lab, f scenario.Fault) (place, error) {
	service := f.Service
	if f.Kind == scenario.Database {
		service = inventory.MariaDB
	}
	p := place{fault: f, lab: l}
	members := l.Inventory.Members(drill.Carriers(service))
	switch {
	case service != "" && len(members) == 0:
		return p, errs.E(errs.Usage, "the lab has no %s", service)
	case f.Node == "":
		p.node = members[0]
	default:
		n, ok := l.Inventory.Node(f.Node)
		if !ok {
			return p, errs.E(errs.Usage, "the lab has no node %s", f.Node)
		}
		if service != "" && !slices.Contains(members, n) {
			return p, errs.E(errs.Usage, "%s does not run on %s", service, f.Node)
		}
		p.node = n
	}
	host, err := l.Target.Host(p.node.Name)
	p.host = host
	return p, err
}

// plan plans all faults of a scenario. Codes: usage, failed.
func plan(ctx context.Context, l *lab.Lab, s *scenario.Scenario) (all []breakage, err error) {
	for _, f := range s.Faults {
		p, err := placeOf(l, f)
		if err != nil {
			return nil, err
		}
		b, err := makers[f.Kind](ctx, p)
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}
