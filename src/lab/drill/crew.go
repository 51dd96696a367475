package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"chatlab/src/client"
	"chatlab/src/errs"
	"chatlab/src/lab/inventory"
	"chatlab/src/wait"
	"chatlab/src/wire"
)

// password is the constant part of the drill users' passwords; the run's id,
// which is as random as time, comes before it.
const password = "-long enough"

const (
	perRoom   = 32 // users in a room, where nothing else is said: each reads what all of the room say
	perPinned = 5  // users of whom one is pinned, in a drill that has such
)

// crew is the load: users who chat and read, and others who sign up and in.
type crew struct {
	r     *run
	rooms []string
	chats []*chatter
	auth  *client.Auth // of those who chat

	signers []*signer
	screens *reading // all that users were shown

	padding atomic.Int64 // bytes added to each line
	said    atomic.Int64 // lines
}

// chatter is a user who says numbered lines and reads everyone's.
type chatter struct {
	name string
	room int    // in crew.rooms
	pin  string // the node whose chat server is the only one that it knows; "" for all
	chat *client.Chat
	view view
	gap  gap
	cut  cutOff

	options client.Options // by which it entered
	due     atomic.Int32   // lines without a receipt
}

// gather signs the users up and lets them join rooms of their own.
func gather(ctx context.Context, r *run) (*crew, error) {
	auth, err := r.newAuth(r.lab.Inventory.Servers(inventory.Authd)...)
	if err != nil {
		return nil, err
	}
	c := &crew{r: r, auth: auth, chats: make([]*chatter, r.opt.Users), screens: r.ledger.reading()}
	for i := range r.opt.rooms() {
		c.rooms = append(c.rooms, fmt.Sprintf("drill-%s-%d", r.id, i))
	}
	if c.signers, err = c.hire(ctx); err != nil {
		return nil, err
	}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for i := range c.chats {
		group.Go(func() error {
			var err error
			c.chats[i], err = c.join(gctx, i)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		c.leave()
		return nil, err
	}
	return c, nil
}

// rooms is how many rooms the users are in.
func (o Options) rooms() int {
	if o.Rooms > 0 {
		return min(o.Rooms, o.Users)
	}
	return (o.Users + perRoom - 1) / perRoom
}

// newChatter says who the nth user is, and which chat servers it knows: all, from
// the nth counted round, or one where it is pinned.
func (c *crew) newChatter(n int) (*chatter, []string) {
	inv := c.r.lab.Inventory
	m := &chatter{name: fmt.Sprintf("%s-u%d", c.r.id, n), room: n * len(c.rooms) / c.r.opt.Users}
	if nodes := inv.Members(inventory.Chatd); c.r.pinned && n%perPinned == perPinned-1 {
		node := nodes[n/perPinned%len(nodes)]
		m.pin = node.Name
		return m, []string{inv.Server(inventory.Chatd, node)}
	}
	servers := inv.Servers(inventory.Chatd)
	n %= len(servers)
	return m, slices.Concat(servers[n:], servers[:n])
}

// join lets the nth user in.
func (c *crew) join(ctx context.Context, n int) (*chatter, error) {
	m, servers := c.newChatter(n)
	login := c.r.entering(c.auth, m.name)
	if err := c.r.enrolInTime(ctx, c.auth, m.name); err != nil {
		return nil, err
	}
	c.r.ledger.speaker(m.name, m.name, c.rooms[m.room])
	shown := func(msg wire.Message) {
		m.view.see(msg.Seq)
		c.screens.shows(c.r.ledger.message(msg))
	}
	var token string
	err := untilServed(ctx, func(ctx context.Context) (err error) {
		token, err = login(ctx)
		return err
	}, errs.RateLimited)
	if err != nil {
		return nil, err
	}
	opts := client.Options{
		Addresses: servers, Roots: c.r.roots, Token: token, Room: c.rooms[m.room], Refresh: c.auth.Refresh, Login: login,
		AnswerTime: 3 * time.Second,
		OnMessage:  shown, OnRepeat: shown,
	}
	if m.pin != "" {
		opts.AnswerTime = 0 // it has nobody else to ask: the client's own patience
	}
	m.options = opts
	m.chat, err = client.Dial(ctx, opts)
	return m, err
}

func (c *crew) leave() {
	var all sync.WaitGroup
	for _, m := range c.chats {
		if m != nil && m.chat != nil {
			all.Go(func() { _ = m.chat.Close() })
		}
	}
	all.Wait()
	for _, s := range c.signers {
		s.auth.Close()
	}
	c.auth.Close()
}

// load is the crew at work.
type load struct {
	cancel context.CancelFunc
	hands  sync.WaitGroup
}

func (l *load) stop() {
	l.cancel()
	l.hands.Wait()
}

// work makes everybody say lines and sign in until stop, not all at once.
func (c *crew) work(ctx context.Context) *load {
	ctx, cancel := context.WithCancel(ctx)
	l := &load{cancel: cancel}
	pace := time.Duration(float64(time.Second) * float64(c.r.opt.Users) / float64(c.r.opt.Rate))
	for i, m := range c.chats {
		l.hands.Go(func() {
			wait.Sleep(ctx, pace*time.Duration(i)/time.Duration(len(c.chats)))
			wait.Every(ctx, pace, func() {
				if !c.r.patient || c.mayTalk(ctx, m) {
					c.say(m)
				}
			})
		})
	}
	turn := c.turn()
	for i, s := range c.signers {
		l.hands.Go(func() {
			wait.Sleep(ctx, turn*time.Duration(i)/time.Duration(len(c.signers)))
			wait.Every(ctx, turn, func() { c.signUntilServed(ctx, s) })
		})
	}
	return l
}

// mayTalk tells whether a patient user says a line now: it is in the chat, and has not
// too many lines there that nobody has taken. It may be asked once it waits.
func (c *crew) mayTalk(ctx context.Context, m *chatter) bool {
	if err := c.revive(ctx, m); err != nil {
		m.gap.asked(time.Now())
		return false
	}
	return m.due.Load() < mostDue
}

// say sends one numbered line; its receipt comes later.
func (c *crew) say(m *chatter) {
	n, text := c.r.ledger.says(m.name, " says something of a usual length"+strings.Repeat(".", int(c.padding.Load())))
	c.said.Add(1)
	asked := time.Now()
	m.gap.asked(asked)
	m.due.Add(1)
	err := m.chat.SendAsync(text, func(echo wire.Message, err error) {
		m.due.Add(-1)
		if err == nil {
			m.gap.served(time.Now())
			m.cut.done(asked)
		}
		c.r.ledger.receipt(m.name, n, echo, err)
	})
	if err != nil {
		m.due.Add(-1)
		c.r.ledger.receipt(m.name, n, wire.Message{}, notSent{err})
	}
}

// drain waits until every line has its receipt or its refusal.
func (c *crew) drain(ctx context.Context) {
	for _, m := range c.chats {
		if err := m.chat.Drain(ctx); err != nil {
			c.r.report.Broken = append(c.r.report.Broken, m.name+" did not get all its answers: "+err.Error())
		}
	}
}

// notSent marks an error after which the event cannot exist.
type notSent struct{ error }

func (n notSent) Unwrap() error { return n.error }

func isNotSent(err error) bool {
	var n notSent
	return errors.As(err, &n)
}

// mine reports whether a user or a speaker is of this run.
func (r *run) mine(name string) bool { return strings.HasPrefix(name, r.id+"-") }
