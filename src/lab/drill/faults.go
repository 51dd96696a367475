package drill

import (
	"context"
	"math/rand/v2"
	"time"

	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
)

// pauseForAlarms lies between two kills where alarms are judged: killed every
// second, a service is down most of the time, and rightly found so.
const pauseForAlarms = 10 * time.Second

// kills is a drill that kills services, on every node that carries them, in
// turn, once a second.
func kills(name, about string, services ...string) Drill {
	needs := make([]string, 0, len(services))
	for _, s := range services {
		needs = append(needs, carriers(s))
	}
	return Drill{Name: name, About: about, needs: needs, act: func(ctx context.Context, r *run) error {
		var faults []fault
		for _, p := range r.places(services...) {
			faults = append(faults, r.on(p.node, p.service, lab.Kill, "", 0))
		}
		pause := time.Second
		if r.opt.Alarms != nil {
			pause = pauseForAlarms
		}
		return r.rounds(ctx, pause, faults)
	}}
}

// raising is the drill with the problem that it must raise.
func (d Drill) raising(service, trigger string) Drill {
	d.alarms = func(l *lab.Lab) expected {
		out := raises(service, trigger)(l)
		out.allowed = append(out.allowed, lacking(l, service)...)
		return out
	}
	return d
}

// outage is a drill that stops a database, on each node in turn, for all the time
// together, or until the alarm is raised.
func outage(name, about, service string, alarms func(*lab.Lab) expected) Drill {
	return Drill{Name: name, About: about, needs: []string{service}, alarms: alarms, act: func(ctx context.Context, r *run) error {
		places := r.places(service)
		hold := remaining(ctx)
		if r.opt.Alarms == nil { // else the alarm ends it
			hold /= time.Duration(len(places))
		}
		var faults []fault
		for _, p := range places {
			f := r.on(p.node, p.service, lab.Stop, lab.Start, hold)
			f.shows = alarmHosts(p.node)
			faults = append(faults, f)
		}
		return r.round(ctx, faults)
	}}
}

// remaining is the time until ctx ends: the whole of a drill.
func remaining(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	return time.Until(deadline)
}

// place is a service on a node.
type place struct{ node, service string }

// places lists where services run.
func (r *run) places(services ...string) []place {
	var out []place
	for _, s := range services {
		for _, n := range r.lab.Inventory.Members(carriers(s)) {
			out = append(out, place{n.Name, s})
		}
	}
	return out
}

// daemons are the services that can be killed, frozen and restarted.
var daemons = []string{inventory.MongoDB, inventory.Logd, inventory.Authd, inventory.Chatd, inventory.Healthd, authLogger, chatLogger}

// freezeAll stops each daemon in turn without ending it, for ten seconds or
// for its share of the time.
func freezeAll(ctx context.Context, r *run) error {
	places := r.places(daemons...)
	hold := min(10*time.Second, remaining(ctx)/time.Duration(len(places)))
	var faults []fault
	for _, p := range places {
		faults = append(faults, r.on(p.node, p.service, lab.Freeze, lab.Thaw, hold))
	}
	return r.round(ctx, faults)
}

// restartAll is a rolling restart.
func restartAll(ctx context.Context, r *run) error {
	places := r.places(inventory.MongoDB, inventory.Logd, inventory.Authd, inventory.Chatd, inventory.Healthd)
	var faults []fault
	for _, p := range places {
		faults = append(faults, r.on(p.node, p.service, lab.Restart, "", 0))
	}
	return r.rounds(ctx, time.Second, faults)
}

// mix makes random faults of every kind until ctx ends.
func mix(ctx context.Context, r *run) error {
	rng := rand.New(rand.NewPCG(r.opt.Seed, r.opt.Seed))
	return r.everySecond(ctx, func(int) fault { return r.random(rng) })
}

// random draws one fault: half of them kills.
func (r *run) random(rng *rand.Rand) fault {
	all := r.places(daemons...)
	p := all[rng.IntN(len(all))]
	hold := 200*time.Millisecond + time.Duration(rng.IntN(1800))*time.Millisecond
	switch rng.IntN(8) {
	case 0:
		return r.on(p.node, p.service, lab.Freeze, lab.Thaw, hold)
	case 1:
		db := r.places(inventory.MongoDB, inventory.MariaDB)
		d := db[rng.IntN(len(db))]
		return r.on(d.node, d.service, lab.Stop, lab.Start, hold)
	case 2:
		return r.slowReaderFault(hold)
	case 3:
		return r.floodFault(hold)
	}
	return r.on(p.node, p.service, lab.Kill, "", 0)
}
