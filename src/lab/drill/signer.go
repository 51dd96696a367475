package drill

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"chatlab/src/client"
	"chatlab/src/errs"
	"chatlab/src/lab/inventory"
	"chatlab/src/wait"
)

// Who signs up and in, all together twice a second at the most: a password costs
// the auth server 20 ms of a processor on purpose, and twice that when others use
// the memory.
const (
	leastSigners   = 2
	usersPerSigner = 30
	signPause      = 500 * time.Millisecond // between two sign-ins, whoever's
	signAgain      = 250 * time.Millisecond // after one that failed: who is not served asks again
	oldAccounts    = 40                     // of a pinned signer, for as many sign-ins while it is cut off
)

// signer signs new users up and in, with a client of its own: each finds out for
// itself that a server is gone.
type signer struct {
	name string
	pin  string // the node whose auth server is the only one that it knows; "" for all
	auth *client.Auth
	gap  gap
	cut  cutOff
	made int // users signed up, or tried to
	old  int // accounts made beforehand, for sign-ins when nobody can be signed up
}

// hire makes the users that sign in, and of the pinned ones, one for each auth
// server, the accounts that exist beforehand.
func (c *crew) hire(ctx context.Context) ([]*signer, error) {
	inv := c.r.lab.Inventory
	var out []*signer
	add := func(pin string, bases ...string) error {
		auth, err := c.r.newAuth(bases...)
		out = append(out, &signer{name: fmt.Sprintf("%s-s%d", c.r.id, len(out)), pin: pin, auth: auth})
		return err
	}
	bases := inv.Servers(inventory.Authd)
	for i := range max(leastSigners, c.r.opt.Users/usersPerSigner) {
		k := i % len(bases)
		if err := add("", append(bases[k:len(bases):len(bases)], bases[:k]...)...); err != nil {
			return nil, err
		}
	}
	if !c.r.pinned {
		return out, nil
	}
	group, gctx := errgroup.WithContext(ctx)
	for _, node := range inv.Members(inventory.Authd) {
		if err := add(node.Name, inv.Server(inventory.Authd, node)); err != nil {
			return nil, err
		}
		s := out[len(out)-1]
		group.Go(func() error { return c.prepareAccounts(gctx, s) })
	}
	return out, group.Wait()
}

// turn is the time between two sign-ins of one signer.
func (c *crew) turn() time.Duration {
	return cmp.Or(c.r.opt.SignEvery, signPause) * time.Duration(len(c.signers))
}

// prepareAccounts signs up the users who will sign in later.
func (c *crew) prepareAccounts(ctx context.Context, s *signer) error {
	for n := range oldAccounts {
		if err := c.r.enrolInTime(ctx, s.auth, label(s.oldName(), n)); err != nil {
			return err
		}
	}
	s.old = oldAccounts
	return nil
}

// enrol signs a user up.
func (r *run) enrol(ctx context.Context, auth *client.Auth, user string) error {
	return r.ledger.sign(ctx, signUp, user, func(ctx context.Context) error {
		return auth.SignUp(ctx, user, r.id+password, "d@example.org")
	})
}

// enrolInTime signs a user up before the drill begins.
func (r *run) enrolInTime(ctx context.Context, auth *client.Auth, user string) error {
	return untilServed(ctx, func(ctx context.Context) error { return r.enrol(ctx, auth, user) }, errs.RateLimited)
}

// entering returns a function that signs a user in.
func (r *run) entering(auth *client.Auth, user string) func(context.Context) (string, error) {
	return func(ctx context.Context) (token string, err error) {
		err = r.ledger.sign(ctx, signIn, user, func(ctx context.Context) (err error) {
			token, err = auth.Login(ctx, user, r.id+password)
			return err
		})
		return token, err
	}
}

func (s *signer) oldName() string { return s.name + "-old" }

// signUntilServed signs a new user up and in, another one when that fails, as a
// person without an answer would.
func (c *crew) signUntilServed(ctx context.Context, s *signer) {
	for !c.sign(ctx, s) && ctx.Err() == nil {
		wait.Sleep(ctx, signAgain)
	}
}

// sign signs a new user up and in. Its id is the label of the event.
func (c *crew) sign(ctx context.Context, s *signer) (served bool) {
	s.gap.asked(time.Now())
	// An attempt under way when the load stops is brought to its end.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	user := label(s.name, s.made)
	s.made++
	asked := time.Now()
	err := c.r.enrol(ctx, s.auth, user)
	s.cut.answered(asked, err)
	if err == nil {
		return c.signIn(ctx, s, user)
	}
	if s.old > 0 {
		s.old--
		c.signIn(ctx, s, label(s.oldName(), oldAccounts-1-s.old))
	}
	return false
}

// signIn signs an existing user in.
func (c *crew) signIn(ctx context.Context, s *signer, user string) (served bool) {
	asked := time.Now()
	_, err := c.r.entering(s.auth, user)(ctx)
	if err == nil {
		s.gap.served(time.Now())
	}
	s.cut.answered(asked, err)
	return err == nil
}
