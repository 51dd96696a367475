package drill

import (
	"context"
	"fmt"
	"time"

	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/wait"
)

const (
	quorumDark  = 10 * time.Second // that the larger part of the machines is off: nobody is served
	quorumGrace = 45 * time.Second // for boots, an election, and databases that find each other
	quorumLimit = 90 * time.Second // for a boot, and what the larger part needs to serve again
)

// lostQuorum kills the larger part of the machines, so that nobody can be served:
// lines sent then are refused or wait, and nothing may be taken and lost. When as
// many are back as are the larger part, users must be served again, by themselves;
// then the others come. After that it kills all.
func lostQuorum(_ context.Context, r *run) error {
	r.unserved = true
	ctx, cancel := r.outlasting(4 * quorumLimit)
	defer cancel()
	nodes := r.lab.Inventory.Nodes
	left := (len(nodes) - 1) / 2
	victims := nodes[left:]
	f := r.dark(fmt.Sprintf("%d of %d machines lose their power", len(victims), len(nodes)), quorumDark, quorumGrace, victims...)
	f.after = func() {
		if err := r.largerPart(ctx, victims[:len(nodes)/2+1-left]); err != nil {
			r.report.Broken = append(r.report.Broken, err.Error())
		}
	}
	if err := r.strike(ctx, f); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return r.strike(ctx, r.dark("all machines lose their power", longestDark, quorumGrace, nodes...))
}

// largerPart boots machines and waits until users are served, while the others
// are still off.
func (r *run) largerPart(ctx context.Context, nodes []inventory.Node) error {
	ctx, cancel := context.WithTimeout(ctx, quorumLimit)
	defer cancel()
	for _, n := range nodes {
		machine, err := r.machine(n)
		if err != nil {
			return err
		}
		if err := machine.PowerOn(ctx); err != nil {
			return err
		}
	}
	began := time.Now()
	if !wait.Until(ctx, probeEvery, func() bool { return r.crew.waiting()+r.crew.signersWaiting() == 0 }) {
		return fmt.Errorf("with the larger part of the machines back, %d users of the chat and %d who sign in are not served after %s",
			r.crew.waiting(), r.crew.signersWaiting(), round(time.Since(began)))
	}
	r.say("the larger part serves again, %s after its boot", round(time.Since(began)))
	return nil
}

// quorate tells why a lab has no larger part that could be lost, or "".
func quorate(l *lab.Lab) string {
	for _, service := range []string{inventory.Authd, inventory.Chatd, inventory.Logd} {
		if len(l.Inventory.Members(service)) < 3 {
			return "the lab has not three of " + service
		}
	}
	return ""
}
