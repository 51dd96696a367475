package client

import (
	"context"
	"time"

	"chatlab/src/errs"
	"chatlab/src/wait"
	"chatlab/src/wire"
)

// Times between connections.
const (
	backoffBase  = 60 * time.Millisecond
	backoffLimit = 3 * time.Second
	backoffMany  = time.Second // with several addresses, all of which were tried
	// steady is how long a connection lives that ends a row of bad ones.
	steady = 5 * time.Second
	// windowOfIDs is how long after its first sending a line may be sent again
	// blindly: the log knows ids for ten minutes, clocks and queues take some.
	windowOfIDs = 8 * time.Minute
)

// run keeps a connection until ctx ends, the user quits, or no connection can
// be had.
func (c *Chat) run(ctx context.Context, s *session) error {
	pause := wait.Backoff{First: backoffBase, Last: c.longestBackoff()}
	if s.historyLost {
		c.tell(s.state())
	}
	for at := 0; ; {
		if s != nil {
			began, before := time.Now(), c.progress()
			err := s.serve(ctx)
			c.detach()
			if over(ctx, err) {
				return err
			}
			c.lostBy(s, err)
			if time.Since(began) >= steady || c.progress() > before {
				pause.Reset()
			}
			at = s.at + 1
			c.tell(State{Err: err})
		}
		if !pause.Sleep(ctx) {
			return ctx.Err()
		}
		var err error
		if s, err = c.connect(ctx, at); err == nil {
			c.count(func(st *Stats) { st.Reconnects++ })
			c.tell(s.state())
		} else if ctx.Err() != nil {
			return ctx.Err()
		} else if final(err) {
			return err
		} else if !wait.Sleep(ctx, c.asked(err)) {
			return ctx.Err()
		}
	}
}

func (c *Chat) longestBackoff() time.Duration {
	if len(c.opts.Addresses) > 1 {
		return backoffMany
	}
	return backoffLimit
}

// asked is how long a refusal asks to wait. That a server cannot serve says nothing of
// the others, one of which may be about to.
func (c *Chat) asked(err error) time.Duration {
	if len(c.opts.Addresses) > 1 && errs.Is(err, errs.Unavailable) {
		return 0
	}
	return min(errs.RetryAfterOf(err), time.Minute)
}

// progress counts what connections are for.
func (c *Chat) progress() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats.Received + c.stats.Receipts
}

// over tells whether no new connection is wanted: also not by a user who ended the
// tokens, in whose place the client must not sign in again.
func over(ctx context.Context, err error) bool {
	return ctx.Err() != nil || err == errQuit || errs.Is(err, errs.TokenRevoked)
}

// lostBy draws the consequences of a refusal that ended a session.
func (c *Chat) lostBy(s *session, err error) {
	if code := errs.CodeOf(err); code == errs.BadToken || code == errs.TokenExpired {
		c.cred.refuse(s.token)
	}
}

// connect tries every address once, from the one at a place in the list on, and
// renews a token that is refused once. The error of the address that said
// something of us wins over those that did not answer.
func (c *Chat) connect(ctx context.Context, at int) (*session, error) {
	var worst error
	renewed := false
	for i := 0; i < len(c.opts.Addresses); i++ {
		token, refused := c.cred.get()
		var err error
		if refused {
			err = errs.E(errs.TokenExpired, "the token has ended").WithFix("sign in again")
		} else {
			var s *session
			if s, err = c.open(ctx, (at+i)%len(c.opts.Addresses), token); err == nil {
				return s, nil
			}
		}
		if code := errs.CodeOf(err); code == errs.BadToken || code == errs.TokenExpired {
			c.cred.refuse(token)
			if c.opts.Login == nil || renewed {
				return nil, err
			}
			if e := c.renew(ctx); e != nil {
				return nil, e
			}
			renewed = true
			i-- // the same address, with the new token
			continue
		}
		if final(err) {
			return nil, err
		}
		if worst == nil || errs.RetryAfterOf(err) > 0 {
			worst = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, worst
}

// attach makes a session the present one, with all that its greeting says.
func (c *Chat) attach(s *session, w *wire.Welcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.historyLost = w.HistoryLost
	s.gap = w.HistoryLost || c.place != nil && w.Seq != c.place.Seq
	c.live, c.user, c.room, c.place = s, w.User, w.Room, &Place{w.Epoch, w.Seq}
	old := time.Now().Add(-windowOfIDs)
	for _, it := range c.queue.waiting {
		if !it.sent.IsZero() && it.sent.Before(old) && it.command == "" {
			// The log may have forgotten the id: first see all that was missed,
			// and the line's receipt with it, if it is stored.
			c.queue.first(&item{command: catchUp, line: wire.Line{Cmd: "/history 1"}})
			break
		}
	}
}

// detach takes back what the broken connection did not bring to an end.
func (c *Chat) detach() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live = nil
	c.queue.lost()
}

func (c *Chat) tell(s State) {
	if c.opts.OnState != nil {
		c.opts.OnState(s)
	}
}

func (c *Chat) count(f func(*Stats)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.stats)
}
