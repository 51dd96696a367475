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
	"chatlab/src/lab/inventory"
	"chatlab/src/wire"
)

// password is the constant part of the drill users' passwords; the run's id,
// which is as random as time, comes before it.
const password = "-long enough"

// signersPerDrill sign up and in, each once a second at the most: a password
// costs the auth server 20 ms of a processor on purpose, and twice that when
// others use the memory.
const (
	signersPerDrill = 2
	signPause       = time.Second
)

// crew is the load: users who chat and read, and others who sign up and in.
type crew struct {
	r     *run
	room  string
	chats []*chatter
	auth  *client.Auth

	signers [signersPerDrill]gap

	padding atomic.Int64 // bytes added to each line
	said    atomic.Int64 // lines
}

// chatter is a user who says numbered lines and reads everyone's.
type chatter struct {
	name string
	chat *client.Chat
	view view
	gap  gap
}

// gather signs the users up and lets them join a room of their own.
func gather(ctx context.Context, r *run) (*crew, error) {
	auth, err := client.NewAuth(baseURLs(r.lab.Inventory)...)
	if err != nil {
		return nil, err
	}
	c := &crew{r: r, room: "drill-" + r.id, auth: auth, chats: make([]*chatter, r.opt.Users)}
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

// join lets the nth user in, by the nth chat server counted round.
func (c *crew) join(ctx context.Context, n int) (*chatter, error) {
	name := fmt.Sprintf("%s-u%d", c.r.id, n)
	servers := c.r.lab.Inventory.Addresses(inventory.Chatd)
	n %= len(servers)
	login := func(ctx context.Context) (string, error) { return c.auth.Login(ctx, name, c.r.id+password) }
	if err := c.auth.SignUp(ctx, name, c.r.id+password, name+"@example.org"); err != nil {
		return nil, err
	}
	token, err := login(ctx)
	if err != nil {
		return nil, err
	}
	m := &chatter{name: name}
	m.chat, err = client.Dial(ctx, client.Options{
		Addresses: slices.Concat(servers[n:], servers[:n]),
		Token:     token, Room: c.room, Refresh: c.auth.Refresh, Login: login,
		AnswerTime: 3 * time.Second,
		OnMessage:  func(msg wire.Message) { m.view.see(msg.Seq, msg.Text) },
	})
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

// work makes everybody say lines and sign in until stop.
func (c *crew) work(ctx context.Context) *load {
	ctx, cancel := context.WithCancel(ctx)
	l := &load{cancel: cancel}
	pace := time.Duration(float64(time.Second) * float64(c.r.opt.Users) / float64(c.r.opt.Rate))
	for i, m := range c.chats {
		l.hands.Go(func() {
			pause(ctx, pace*time.Duration(i)/time.Duration(len(c.chats))) // not all at once
			paced(ctx, pace, func() { c.say(m) })
		})
	}
	for i := range signersPerDrill {
		name := fmt.Sprintf("%s-s%d", c.r.id, i)
		l.hands.Go(func() { paced(ctx, signPause, func() { c.sign(ctx, name, &c.signers[i]) }) })
	}
	return l
}

// paced calls f at the most once every pace until ctx ends.
func paced(ctx context.Context, pace time.Duration, f func()) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for ctx.Err() == nil {
		f()
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// say sends one numbered line; its receipt comes later.
func (c *crew) say(m *chatter) {
	n := c.r.ledger.next(m.name)
	text := label(m.name, n) + " says something of a usual length" + strings.Repeat(".", int(c.padding.Load()))
	c.said.Add(1)
	m.gap.asked(time.Now())
	err := m.chat.SendAsync(text, func(_ wire.Message, err error) {
		if err == nil {
			m.gap.served(time.Now())
		}
		c.r.ledger.answered(m.name, n, err)
	})
	if err != nil {
		c.r.ledger.answered(m.name, n, notSent{err})
	}
}

// sign signs a new user up and in. Its id is the label of the event.
func (c *crew) sign(ctx context.Context, producer string, g *gap) {
	g.asked(time.Now())
	// An attempt under way when the load stops is brought to its end.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	up, in := "signup:"+producer, "signin:"+producer
	n := c.r.ledger.next(up)
	id := label(producer, n)
	err := c.auth.SignUp(ctx, id, c.r.id+password, "d@example.org")
	c.r.ledger.answered(up, n, err)
	c.r.ledger.next(in)
	if err != nil {
		c.r.ledger.answered(in, n, notSent{err})
		return
	}
	_, err = c.auth.Login(ctx, id, c.r.id+password)
	if err == nil {
		g.served(time.Now())
	}
	c.r.ledger.answered(in, n, err)
}

// drain waits until every line has its receipt or its refusal.
func (c *crew) drain(ctx context.Context) {
	for _, m := range c.chats {
		if err := m.chat.Drain(ctx); err != nil {
			c.r.report.Broken = append(c.r.report.Broken, m.name+" did not get all its answers: "+err.Error())
		}
	}
}

// views waits until every reader has seen as many lines as the one that saw
// most, and compares what they saw.
func (c *crew) views(ctx context.Context) Views {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		v, even := c.compare()
		if even && v.Lines >= c.r.ledger.receipts(c.r.id+"-u") {
			return v
		}
		select {
		case <-ctx.Done():
			return v
		case <-tick.C:
		}
	}
}

func (c *crew) compare() (v Views, even bool) {
	v.Readers, even = len(c.chats), true
	counts := make([]int, len(c.chats))
	_, _, first := c.chats[0].view.state()
	for i, m := range c.chats {
		count, repeats, hash := m.view.state()
		counts[i] = count
		v.Repeats += repeats
		v.Lines = max(v.Lines, count)
		if hash != first {
			v.Differ++
		}
	}
	for _, n := range counts {
		v.Missing += v.Lines - n
	}
	return v, v.Missing == 0
}

// notSent marks an error after which the event cannot exist.
type notSent struct{ error }

func (n notSent) Unwrap() error { return n.error }

func isNotSent(err error) bool {
	var n notSent
	return errors.As(err, &n)
}

// mine tells whether a label is of this run.
func (r *run) mine(producer string) bool { return strings.HasPrefix(producer, r.id+"-") }
