package drill

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/wait"
)

const (
	crashLimit  = 3 * time.Minute  // for one crash, and what it takes until all members are whole again
	acceptLimit = 10 * time.Second // until lines are accepted when two of three are back
	leaderLimit = 15 * time.Second // until a cluster at rest has one leader
)

// roles are the members of the chat log's cluster.
type roles struct {
	leader    inventory.Node
	followers []inventory.Node
}

// roles waits until one member leads. Code failed.
func (r *run) roles(ctx context.Context) (found roles, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaderLimit)
	defer cancel()
	members := r.lab.Inventory.Members(inventory.Chatd)
	one := func() bool {
		found = roles{}
		for _, n := range members {
			if v, _ := metric(ctx, r.ops, r.lab.Inventory.OpsAddress(inventory.Chatd, n), "chatlab_chatlog_leader"); v == 1 {
				found.leader = n
			} else {
				found.followers = append(found.followers, n)
			}
		}
		return len(found.followers) == len(members)-1
	}
	if !wait.Until(ctx, probeEvery, one) {
		return found, errs.E(errs.Failed, "the chat log has no leader")
	}
	return found, nil
}

// crashAndPower takes the three members of the chat log down, each in its own way: the
// two that come back first have not had a line of the leader's between them that is on
// a disk, unless it was flushed before it was acknowledged.
func crashAndPower(asked context.Context, r *run) error {
	r.unserved = true
	share := remaining(asked) / 2
	ctx, cancel := r.outlasting(2*share + 2*crashLimit)
	defer cancel()
	if err := r.crash(ctx, share, 1); err != nil {
		return err
	}
	return r.crash(ctx, share, 2)
}

// crash lets lines be said for a while, with a follower killed unless both are to lose
// their power; then the followers lose it and the leader is killed. The followers come
// back first.
func (r *run) crash(ctx context.Context, lines time.Duration, darkened int) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	of, err := r.roles(ctx)
	if err != nil {
		return err
	}
	killed := of.followers[:len(of.followers)-darkened]
	lost := of.followers[len(of.followers)-darkened:]
	f := fault{
		name:  fmt.Sprintf("%d of the followers killed, %d without power, then the leader %s killed", len(killed), len(lost), of.leader.Name),
		hold:  longestDark,
		grace: max(0, acceptLimit-r.opt.Recovery),
		undos: []undo{{Node: of.leader.Name, Service: inventory.Chatd, Action: lab.Start}},
	}
	var back []undo
	for _, n := range killed {
		back = append(back, undo{Node: n.Name, Service: inventory.Chatd, Action: lab.Start})
	}
	dark := r.dark("", 0, 0, lost...)
	back = append(back, dark.undos...)
	f.undos = append(f.undos, back...)
	f.make = func(ctx context.Context) error {
		if err := r.halt(ctx, killed...); err != nil {
			return err
		}
		wait.Sleep(ctx, lines) // the leader and the follower that is left store them
		if err := r.marking(dark.make, lost...)(ctx); err != nil {
			return err
		}
		return r.halt(ctx, of.leader)
	}
	f.after = func() { r.accepting(ctx, back) }
	if err := r.strike(ctx, f); err != nil {
		return err
	}
	return r.unmarked(ctx, lost...)
}

func (r *run) halt(ctx context.Context, nodes ...inventory.Node) error {
	for _, n := range nodes {
		if err := r.do(ctx, place{n.Name, inventory.Chatd}, lab.Halt); err != nil {
			return err
		}
	}
	return nil
}

// accepting starts members together, and waits until the lines of every user are
// accepted: within its limit, without the leader that was.
func (r *run) accepting(ctx context.Context, back []undo) {
	ctx, cancel := context.WithTimeout(ctx, crashLimit)
	defer cancel()
	var together errgroup.Group
	for _, u := range back {
		together.Go(func() error { return u.perform(ctx, r.lab) })
	}
	if err := together.Wait(); err != nil {
		r.report.Broken = append(r.report.Broken, "without the leader that was: "+err.Error())
		return
	}
	began := time.Now()
	if !wait.Until(ctx, probeEvery, func() bool { return r.crew.waiting() == 0 }) || time.Since(began) > acceptLimit {
		r.report.Broken = append(r.report.Broken, fmt.Sprintf("with two members back, %d users still wait after %s, the limit is %s",
			r.crew.waiting(), round(time.Since(began)), acceptLimit))
		return
	}
	r.say("lines are accepted %s after the two are back", round(time.Since(began)))
}

// clustered tells why a lab has no chat log whose members can differ, or "".
func clustered(l *lab.Lab) string {
	if len(l.Inventory.Members(inventory.Chatd)) < 3 {
		return "the lab has not three of " + inventory.Chatd
	}
	return ""
}
