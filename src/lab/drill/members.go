package drill

import (
	"context"
	"errors"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/wait"
)

const (
	pauseTime   = 15 * time.Second // that a leader is frozen: longer than the others take to elect
	memberLimit = 2 * time.Minute  // for one member to come back, and catch up
	behind      = 1000             // lines that an old copy lacks, at the least
	behindLimit = 2 * time.Minute  // until so many are said
)

// pauseLeader freezes the chat log's leader, as often as the time allows.
func pauseLeader(asked context.Context, r *run) error {
	rounds := max(1, int(remaining(asked)/(2*pauseTime)))
	ctx, cancel := r.outlasting(time.Duration(rounds) * (pauseTime + memberLimit))
	defer cancel()
	for range rounds {
		of, err := r.roles(ctx)
		if err != nil {
			return err
		}
		f := r.on(of.leader.Name, inventory.Chatd, lab.Freeze, lab.Thaw, pauseTime)
		if err := r.strike(ctx, f); err != nil || ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// lostDisk empties the folder of each member of the chat log in turn, while it is down.
func lostDisk(asked context.Context, r *run) error {
	places := r.places(inventory.Chatd)
	share := remaining(asked) / time.Duration(len(places))
	ctx, cancel := r.outlasting(time.Duration(len(places)) * (share + memberLimit))
	defer cancel()
	for _, p := range places {
		if err := r.replaced(ctx, p, "loses its folder", share, `find "$1" -mindepth 1 -delete`); err != nil || ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// oldCopy brings a member of the chat log back with the folder that it had when the
// drill began, while the others are up.
func oldCopy(asked context.Context, r *run) (err error) {
	ctx, cancel := r.outlasting(remaining(asked) + behindLimit + 2*memberLimit)
	defer cancel()
	of, err := r.roles(ctx)
	if err != nil {
		return err
	}
	p := place{of.followers[0].Name, inventory.Chatd}
	dir, _, err := r.folder(p)
	if err != nil {
		return err
	}
	remove := []undo{{Node: p.node, Run: []string{"rm", "-rf", dir + copied}}}
	if err := r.journal.add(remove); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, healSteps(context.WithoutCancel(ctx), r.lab, r.journal, remove)) }()
	if err := r.replaced(ctx, p, "is stopped for a copy of its folder", 0, `cp -a "$1" "$1$2"`); err != nil {
		return err
	}
	if err := r.fallBehind(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	wait.Sleep(ctx, remaining(asked))
	return r.replaced(ctx, p, "gets its old folder back", 0, `find "$1" -mindepth 1 -delete && cp -a "$1$2/." "$1"`)
}

// copied ends the name of a folder's copy.
const copied = ".copy-of-the-drill"

// fallBehind waits until enough lines are acknowledged that an old copy lacks.
func (r *run) fallBehind(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, behindLimit)
	defer cancel()
	stored := func() int { return r.ledger.totals().Lines }
	before := stored()
	if !wait.Until(ctx, probeEvery, func() bool { return stored() >= before+behind }) {
		return errs.E(errs.Failed, "only %d lines were acknowledged in %s, an old copy must lack %d", stored()-before, behindLimit, behind)
	}
	r.say("the copy lacks %d lines", stored()-before)
	return nil
}

// replaced strikes a service with a script that changes its folder while it is down.
func (r *run) replaced(ctx context.Context, p place, what string, hold time.Duration, script string) error {
	dir, host, err := r.folder(p)
	if err != nil {
		return err
	}
	f := r.on(p.node, p.service, lab.Stop, lab.Start, hold)
	f.name = p.service + " on " + p.node + " " + what
	stop := f.make
	f.make = func(ctx context.Context) error {
		ctx, cancel := begun(ctx)
		defer cancel()
		if err := stop(ctx); err != nil {
			return err
		}
		_, err := host.Run(ctx, "sh", "-c", script, "sh", dir, copied)
		return err
	}
	return r.strike(ctx, f)
}

// folder returns where a service keeps its data, and its machine.
func (r *run) folder(p place) (string, lab.Host, error) {
	host, err := r.tunable(p.node)
	if err != nil {
		return "", nil, err
	}
	dir, err := host.Dir(p.service)
	return dir, host, err
}
