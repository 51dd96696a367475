package drill

import (
	"context"
	"time"

	"chatlab/src/client"
	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/wait"
)

// Crowd is the load of a drill without the drill: users who chat and sign in while a
// person looks for a fault. Its account is the drills' own.
type Crowd struct {
	run  *run
	load *load
}

// mostDue is how many lines of one user may wait for their receipts. A person may need
// an hour: the users of a crowd talk no more than that into the void.
const mostDue = 5

// Gather signs the users up, lets them join and begins the load. Of the options it takes
// Users, Rate, SignEvery and Progress. Fails with code usage when the lab does not serve
// the users.
func Gather(ctx context.Context, l *lab.Lab, opt Options) (*Crowd, error) {
	r, err := newRun(ctx, l, "users", opt)
	if err != nil {
		return nil, err
	}
	r.patient, r.unserved = true, true
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	return &Crowd{run: r, load: r.crew.work(context.WithoutCancel(ctx))}, nil
}

// Began returns the time from which on all lines and events are accounted for.
func (c *Crowd) Began() time.Time { return c.run.report.began }

// Waits are the longest times for which a user has been waiting for something now.
type Waits struct {
	Chat    time.Duration // since a line was sent whose receipt is due
	SignIn  time.Duration
	Backlog int64 // bytes at the loggers that no log server has stored
	Unknown bool  // a logger does not say how much it has
}

// Waits measures how the users are served at this moment.
func (c *Crowd) Waits(ctx context.Context) Waits {
	now := time.Now()
	var w Waits
	for _, m := range c.run.crew.chats {
		w.Chat = max(w.Chat, m.gap.open(now))
	}
	for _, s := range c.run.crew.signers {
		w.SignIn = max(w.SignIn, s.gap.open(now))
	}
	w.Backlog, w.Unknown = c.run.backlogs(ctx)
	return w
}

// Account ends the load, once every user was served again or the time for that is over,
// and accounts for each line, event and user. Code failed when the log database cannot be
// read; the report names the missing lines.
func (c *Crowd) Account(ctx context.Context) (*Report, error) {
	limit, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	c.run.served(limit)
	c.load.stop()
	err := c.run.settle(ctx)
	c.run.report.finish(err)
	return c.run.report, err
}

// Leave ends the load and the users' connections. It may be called after Account.
func (c *Crowd) Leave() {
	c.load.stop()
	c.run.crew.leave()
}

// served waits until nobody waits for an answer.
func (r *run) served(ctx context.Context) {
	wait.Until(ctx, probeEvery, func() bool { return r.crew.waiting()+r.crew.signersWaiting() == 0 })
}

// revive lets a user whose chat has ended for good, as by a refused token, enter again
// and go on after the last line that it was shown.
func (c *crew) revive(ctx context.Context, m *chatter) error {
	if m.chat.Err() == nil {
		return nil
	}
	token, err := m.options.Login(ctx)
	if err != nil {
		return err
	}
	opts, place := m.options, m.chat.Place()
	opts.Token, opts.Resume = token, &place
	fresh, err := client.Dial(ctx, opts)
	if err != nil {
		return errs.Wrap(err, errs.CodeOf(err), "%s cannot enter again", m.name)
	}
	_ = m.chat.Close()
	m.chat = fresh
	return nil
}
