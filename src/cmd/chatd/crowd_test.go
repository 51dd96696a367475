package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/wire"
)

// crowd is users who say lines and read everybody's, over sessions that break.
type crowd struct {
	t     *testing.T
	each  int
	all   []*user
	seen  chan struct{}
	ended chan error
}

func converse(t *testing.T, labs []*lab, users, each int) *crowd {
	c := &crowd{t: t, each: each, seen: make(chan struct{}, users*each), ended: make(chan error, users)}
	for i := range users {
		u := &user{labs: labs, next: i, name: fmt.Sprint("user", i), last: new(uint64)}
		for k := range each {
			u.todo = append(u.todo, wire.Line{ID: fmt.Sprint("id", k), Text: fmt.Sprint("line ", k)})
		}
		c.all = append(c.all, u)
		go func() { c.ended <- u.run(users*each, c.seen) }()
	}
	return c
}

// errAgain says that lines were refused for now: the next session sends them.
var errAgain = errors.New("again")

// run goes from session to session until all of want lines were seen.
func (u *user) run(want int, progress chan<- struct{}) error {
	pause := time.NewTicker(20 * time.Millisecond) // between attempts that fail at once
	defer pause.Stop()
	for deadline := time.Now().Add(patience); ; <-pause.C {
		done, err := u.session(want, progress)
		if done || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: %d lines seen, %d without receipt", u.name, len(u.seen), len(u.todo))
		}
	}
}

// progress waits until n more lines were seen.
func (c *crowd) progress(n int) {
	for range n {
		<-c.seen
	}
}

// judge waits for the end: all must have seen every line once, in one order.
func (c *crowd) judge() {
	c.t.Helper()
	for range c.all {
		if err := <-c.ended; err != nil {
			c.t.Fatal(err)
		}
	}
	said := map[string]bool{}
	for _, m := range c.all[0].seen {
		said[m.User+m.Text] = true
	}
	if len(said) != len(c.all)*c.each {
		c.t.Errorf("%d different lines, want %d", len(said), len(c.all)*c.each)
	}
	for _, u := range c.all {
		if !slices.Equal(u.seen, c.all[0].seen) {
			c.t.Errorf("%s saw other lines, or another order, than user0", u.name)
		}
	}
}

// user is a client that reconnects, resumes, and resends lines that have no
// receipt.
type user struct {
	labs  []*lab // one after the other is tried
	name  string
	next  int
	last  *uint64
	epoch string // of last
	seen  []wire.Message
	todo  []wire.Line // without receipt
}

// session runs until all of want lines were seen or the connection breaks. It
// tells whether all were seen.
func (u *user) session(want int, progress chan<- struct{}) (bool, error) {
	at := u.labs[u.next%len(u.labs)]
	u.next++
	conn, err := net.Dial("tcp", at.addr)
	if err != nil {
		return false, nil // not up yet
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	raw, _, err := at.ring.Issue(u.name, time.Now())
	if err != nil {
		return false, err
	}
	out := wire.AppendJSON(nil, wire.Hello{Token: raw, Resume: u.last, Epoch: u.epoch})
	for _, line := range u.todo {
		out = wire.AppendLine(out, line)
	}
	go func() { _, _ = conn.Write(out) }()
	in := bufio.NewReader(conn)
	for len(u.seen) < want || len(u.todo) > 0 {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return false, nil // cut: connect again
		}
		if err := u.take(line); errors.Is(err, errAgain) {
			return false, nil
		} else if err != nil {
			return false, err
		}
		select {
		case progress <- struct{}{}:
		default:
		}
	}
	return true, nil
}

func (u *user) take(line []byte) error {
	in, err := wire.Decode(line)
	switch {
	case err != nil:
		return err
	case in.Welcome != nil && in.Welcome.HistoryLost:
		return fmt.Errorf("%s: epoch %s is unknown", u.name, u.epoch)
	case in.Welcome != nil:
		u.last, u.epoch = &in.Welcome.Seq, in.Welcome.Epoch
	case in.Stored != nil:
		u.receipt(in.Stored.ID)
	case in.Message != nil:
		if in.Message.Seq <= *u.last {
			return fmt.Errorf("%s: line %d comes after line %d", u.name, in.Message.Seq, *u.last)
		}
		u.last = &in.Message.Seq
		u.seen = append(u.seen, *in.Message)
		if in.Message.User == u.name {
			u.receipt(in.Message.ID)
		}
	case in.Refusal != nil && in.Refusal.Code == string(errs.Unavailable):
		return errAgain
	case in.Refusal != nil && in.Refusal.Code != string(errs.Shutdown):
		return fmt.Errorf("%s: %+v", u.name, *in.Refusal)
	}
	return nil
}

func (u *user) receipt(id string) {
	u.todo = slices.DeleteFunc(u.todo, func(l wire.Line) bool { return l.ID == id })
}
