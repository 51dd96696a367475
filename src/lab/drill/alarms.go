package drill

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/watch"
	"chatlab/src/wait"
	"chatlab/src/zabbix"
)

// Alarms tells what fires: the lab's Zabbix server does.
type Alarms interface {
	Firing(ctx context.Context) ([]watch.Problem, error)
}

// How often the server is asked, how long it has to raise what a fault must
// raise after the heal at the latest, and to find that it is over.
type patience struct{ poll, raise, clear time.Duration }

var usual = patience{poll: 2 * time.Second, raise: 2 * time.Minute, clear: 10 * time.Minute}

// expected are the problems that a drill must raise, and those that it may.
type expected struct {
	must    []watch.Problem
	allowed []watch.Problem
}

// Raised is what came of one problem.
type Raised struct {
	Problem string  `json:"problem"`
	After   Seconds `json:"after"` // from the drill's begin
	Must    bool    `json:"expected"`
}

// vigil watches the alarms of one drill.
type vigil struct {
	alarms   Alarms
	want     expected
	patience patience
	began    time.Time

	mu     sync.Mutex
	raised map[watch.Problem]time.Duration
	fault  error // the server could not be asked, the last time
	now    []watch.Problem
}

// calm waits, before a drill, until nothing fires: what an earlier one has left
// is told for some minutes. It fails with code usage when something still does.
func calm(ctx context.Context, alarms Alarms, p patience, say func(format string, args ...any)) error {
	limit, cancel := context.WithTimeout(ctx, p.clear)
	defer cancel()
	var firing []watch.Problem
	var err error
	said := false
	ended := wait.Until(limit, p.poll, func() bool {
		firing, err = alarms.Firing(limit)
		if err != nil || len(firing) == 0 {
			return limit.Err() == nil
		}
		if !said {
			say("waiting until Zabbix finds the lab well: %s", names(firing))
			said = true
		}
		return false
	})
	switch {
	case ended:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return errs.E(errs.Usage, "the lab is not well before the drill: Zabbix has after %s still %s", round(p.clear), names(firing)).
		WithFix("see to it: `lab check zabbix.*`")
}

func newVigil(alarms Alarms, want expected, p patience) *vigil {
	return &vigil{alarms: alarms, want: want, patience: p, began: time.Now(), raised: map[watch.Problem]time.Duration{}}
}

// keep asks until ctx ends.
func (v *vigil) keep(ctx context.Context) {
	wait.Every(ctx, v.patience.poll, func() { v.look(ctx) })
}

func (v *vigil) look(ctx context.Context) {
	firing, err := v.alarms.Firing(ctx)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.fault = err; err != nil {
		return
	}
	v.now = firing
	for _, p := range firing {
		if _, known := v.raised[p]; !known {
			v.raised[p] = time.Since(v.began)
		}
	}
}

// until waits for a condition, and tells whether it came to hold.
func (v *vigil) until(ctx context.Context, limit time.Duration, holds func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return wait.Until(ctx, v.patience.poll, func() bool { return v.says(holds) })
}

// says tells whether the server was heard and a condition holds.
func (v *vigil) says(holds func() bool) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.fault == nil && holds()
}

// lacking are the expected problems that were not raised. With mu held.
func (v *vigil) lacking() []watch.Problem {
	return slices.DeleteFunc(slices.Clone(v.want.must), func(p watch.Problem) bool {
		_, ok := v.raised[p]
		return ok
	})
}

// owes tells whether the drill must raise something on the named hosts.
func (v *vigil) owes(hosts []string) bool { return slices.ContainsFunc(v.want.must, on(hosts)) }

// paid tells whether all that has been raised. With mu held.
func (v *vigil) paid(hosts []string) bool { return !slices.ContainsFunc(v.lacking(), on(hosts)) }

// on picks the problems of hosts.
func on(hosts []string) func(watch.Problem) bool {
	return func(p watch.Problem) bool { return slices.Contains(hosts, p.Host) }
}

// done tells whether the drill had something to raise and has raised it all.
func (v *vigil) done() bool {
	return len(v.want.must) > 0 && v.says(func() bool { return len(v.lacking()) == 0 })
}

// end waits, after the heal, until what must be raised has been and nothing
// fires any more, and puts it all in the report. The keeping still goes on.
func (v *vigil) end(ctx context.Context, r *Report) {
	v.until(ctx, v.patience.raise, func() bool { return len(v.lacking()) == 0 })
	healed := time.Now()
	calm := v.until(ctx, v.patience.clear, func() bool { return len(v.now) == 0 })
	v.mu.Lock()
	defer v.mu.Unlock()
	broken := func(format string, args ...any) { r.Broken = append(r.Broken, fmt.Sprintf(format, args...)) }
	if v.fault != nil {
		broken("Zabbix cannot be asked: %v", v.fault)
	}
	if lacking := v.lacking(); len(lacking) > 0 {
		broken("Zabbix did not raise %s", names(lacking))
	}
	if !calm {
		broken("Zabbix has after %s still %s", round(time.Since(healed)), names(v.now))
	}
	r.Alarms, r.Cleared = []Raised{}, Seconds(time.Since(healed))
	for p, after := range v.raised {
		must := slices.Contains(v.want.must, p)
		r.Alarms = append(r.Alarms, Raised{p.String(), Seconds(after), must})
		if !must && !slices.Contains(v.want.allowed, p) {
			broken("Zabbix raised %s, which is not this fault's", p)
		}
	}
	slices.SortFunc(r.Alarms, func(a, b Raised) int { return int(a.After - b.After) })
}

func names(list []watch.Problem) string {
	out := make([]string, 0, len(list))
	for _, p := range list {
		out = append(out, fmt.Sprintf("%q", p))
	}
	return strings.Join(out, ", ")
}

// alarmHosts are the hosts of Zabbix that stand for a node.
func alarmHosts(node string) []string { return []string{node, watch.ServicesHost(node)} }

// raises says the same trigger of every node that carries a service.
func raises(service, trigger string) func(*lab.Lab) expected {
	return func(l *lab.Lab) (out expected) {
		for _, n := range l.Inventory.Members(service) {
			out.must = append(out.must, watch.Problem{Host: watch.ServicesHost(n.Name), Trigger: trigger})
		}
		return out
	}
}

// restarts are told of every daemon that a drill starts again: no alarm of a
// wrong kind.
func restarts(l *lab.Lab) (out []watch.Problem) {
	for _, service := range []string{inventory.Authd, inventory.Chatd, inventory.Logd} {
		out = append(out, raises(service, service+zabbix.StartedAgain)(l).must...)
	}
	return out
}

// silence is what cutting each node from the private network raises. From the
// node of the Zabbix server, when its own turn comes, all others are silent.
func silence(l *lab.Lab) (out expected) {
	for _, n := range l.Inventory.Nodes {
		if slices.Contains(l.Inventory.Members(inventory.ZabbixServer), n) {
			for _, late := range []string{"Events are late", "Events pile up"} {
				out.allowed = append(out.allowed, watch.Problem{Host: watch.ServicesHost(n.Name), Trigger: late})
			}
			continue
		}
		out.must = append(out.must, watch.Problem{Host: n.Name, Trigger: "The agent does not answer"},
			watch.Problem{Host: watch.ServicesHost(n.Name), Trigger: "healthd does not answer"})
	}
	return out
}
