package drill

import (
	"slices"
	"time"

	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/watch"
	"chatlab/src/zabbix"
)

// pooled are the services of which several machines may have a member, and what
// Zabbix says of one that is down.
var pooled = map[string]struct{ service, down string }{
	"auth": {inventory.Authd, "Auth server is down"},
	"chat": {inventory.Chatd, "Chat server is down"},
	"logd": {inventory.Logd, "Log server is down"},
}

// several are the pools of which this lab has more than one member, of the services
// that are named, or of all.
func several(l *lab.Lab, services ...string) []zabbix.Pool {
	if _, ok := watch.Overseer(l.Inventory); !ok {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(zabbix.Pools), func(p zabbix.Pool) bool {
		service := pooled[p.Service].service
		return len(l.Inventory.Members(service)) < 2 || len(services) > 0 && !slices.Contains(services, service)
	})
}

// redundancy is what several machines that serve together raise when one is away for
// long: each service by its name. Who speaks for a chat log or a database cluster that
// lacks a member is not known before, nor whether it is found in time.
func redundancy(l *lab.Lab, services ...string) (out expected) {
	for _, p := range several(l, services...) {
		out.must = append(out.must, watch.Problem{Host: watch.Together, Trigger: p.Lost()})
		if pooled[p.Service].service == inventory.Chatd {
			out.allowed = append(out.allowed, raises(inventory.Chatd, zabbix.ChatLogLost)(l).must...)
		}
	}
	if len(services) == 0 || slices.Contains(services, inventory.MariaDB) {
		out.allowed = append(out.allowed, databaseLost(l)...)
	}
	return out
}

func databaseLost(l *lab.Lab) []watch.Problem {
	if len(l.Inventory.Members(inventory.MariaDB)) < 2 {
		return nil
	}
	return raises(inventory.MariaDB, zabbix.DatabaseLost)(l).must
}

// storeless is what a database raises that is stopped, at the servers that need it:
// all of them may be without.
func storeless(service, trigger string) func(*lab.Lab) expected {
	return func(l *lab.Lab) expected {
		out := raises(service, trigger)(l)
		for _, p := range several(l, service) {
			out.allowed = append(out.allowed, watch.Problem{Host: watch.Together, Trigger: p.None()}, watch.Problem{Host: watch.Together, Trigger: p.Lost()})
		}
		if service == inventory.Authd {
			out.allowed = append(out.allowed, databaseLost(l)...)
		}
		return out
	}
}

// comingBack lists the problems that a returning machine may raise: for longer than the time asked
// for, so that the first look finds services down that are about to start.
func comingBack(l *lab.Lab) (out []watch.Problem) {
	for _, p := range zabbix.Pools {
		out = append(out, raises(pooled[p.Service].service, pooled[p.Service].down)(l).must...)
	}
	out = append(out, raises(inventory.MariaDB, zabbix.NoQuorum)(l).must...)
	out = append(out, raises(inventory.MariaDB, "MariaDB is down")(l).must...)
	return append(out, raises(inventory.Logd, "MongoDB is down")(l).must...)
}

// alone is what Zabbix sees with the eyes of its own machine, when that is away from
// the others or boots.
func alone(l *lab.Lab) (out []watch.Problem) {
	for _, p := range several(l) {
		out = append(out, watch.Problem{Host: watch.Together, Trigger: p.None()})
	}
	return append(out, raises(inventory.Chatd, "The chat log stores no lines")(l).must...)
}

// darkness is what machines without power raise: the redundancy that is lost, and
// the silence, which is told later.
func darkness(l *lab.Lab) expected {
	out := redundancy(l)
	quiet := silence(l)
	out.allowed = slices.Concat(out.allowed, quiet.must, quiet.allowed, comingBack(l), alone(l))
	return out
}

// blackout is darkness that may be over before anything is told.
func blackout(l *lab.Lab) expected {
	out := darkness(l)
	return expected{allowed: slices.Concat(out.allowed, out.must)}
}

// cut is what a machine raises that the others do not reach.
func cut(l *lab.Lab) expected {
	out, lacks := silence(l), redundancy(l)
	if len(lacks.must) == 0 {
		return out
	}
	return expected{must: slices.Concat(out.must, lacks.must), allowed: slices.Concat(out.allowed, lacks.allowed, comingBack(l), alone(l))}
}

// lacking is what a service may raise whose members are killed, and started again.
func lacking(l *lab.Lab, service string) []watch.Problem {
	out := redundancy(l, service)
	return slices.Concat(out.must, out.allowed)
}

// away says how long a machine is away: its share of the time, or until what it must
// raise on the hosts that are returned has been, and otherwise no longer than a limit.
func (r *run) away(n inventory.Node, share, limit time.Duration) (shows []string, hold time.Duration) {
	shows = alarmHosts(n.Name)
	if !slices.Contains(r.lab.Inventory.Members(inventory.ZabbixServer), n) { // by the eyes of its own Zabbix sees nothing then
		shows = append(shows, watch.Together)
	}
	if r.mustShow(shows) && !r.vigil.says(func() bool { return r.vigil.paid(shows) }) {
		return shows, share
	}
	return nil, min(limit, share)
}
