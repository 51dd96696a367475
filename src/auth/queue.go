package auth

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"chatlab/src/errs"
)

// queue lets a limited number in at a time. The networks that wait take turns, so
// that a network with many requests delays another's by one request a turn.
type queue struct {
	places  int // of one network, to wait in
	total   int // that wait, of all networks
	longest time.Duration

	mu      sync.Mutex
	free    int
	busy    int
	waiting int
	lines   map[netip.Prefix][]waiter // none is empty
	turns   []netip.Prefix            // the networks of lines, the next one first
}

// waiter gets nil when it is let in, or the error that ends its wait.
type waiter chan error

func newQueue(slots, places, total int, longest time.Duration) *queue {
	return &queue{free: slots, places: places, total: total, longest: longest, lines: map[netip.Prefix][]waiter{}}
}

// enter returns nil once the caller is let in; leave must follow. Fails with
// rate_limited when the network has no place left, and with unavailable when the
// queue is full, the wait too long, or ctx ends first.
func (q *queue) enter(ctx context.Context, from netip.Prefix) error {
	w, err := q.join(from)
	if w == nil {
		return err
	}
	limit := time.NewTimer(q.longest)
	defer limit.Stop()
	select {
	case err := <-w:
		return err
	case <-limit.C:
		err = errBusy()
	case <-ctx.Done():
		err = errs.Wrap(ctx.Err(), errs.Unavailable, "the request ended while it waited").WithRetry(time.Second)
	}
	if !q.abandon(from, w) && <-w == nil {
		q.leave()
	}
	return err
}

func errBusy() *errs.Error {
	return errs.E(errs.Unavailable, "too many sign-ins are waiting").WithRetry(2 * time.Second)
}

// join lets the caller in, which gets neither a waiter nor an error, or puts it in
// its network's line.
func (q *queue) join(from netip.Prefix) (waiter, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.free > 0 {
		q.free--
		q.busy++
		return nil, nil
	}
	line := q.lines[from]
	if len(line) >= q.places {
		return nil, errs.E(errs.RateLimited, "too many sign-ins from this address are waiting").WithRetry(2 * time.Second)
	}
	if q.waiting >= q.total && !q.makeRoom(len(line)) {
		return nil, errBusy()
	}
	if len(line) == 0 {
		q.turns = append(q.turns, from)
	}
	w := make(waiter, 1)
	q.lines[from] = append(line, w)
	q.waiting++
	return w, nil
}

// makeRoom ends the last wait of the longest line if that line is longer than the
// newcomer's will be; mu is held.
func (q *queue) makeRoom(mine int) bool {
	var longest netip.Prefix
	for from, line := range q.lines {
		if len(line) > len(q.lines[longest]) {
			longest = from
		}
	}
	line := q.lines[longest]
	if len(line) <= mine+1 {
		return false
	}
	line[len(line)-1] <- errBusy()
	q.lines[longest] = line[:len(line)-1]
	q.waiting--
	return true
}

// abandon takes a waiter out of its line; false: its wait has ended already.
func (q *queue) abandon(from netip.Prefix, w waiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	line := q.lines[from]
	for i := range line {
		if line[i] != w {
			continue
		}
		q.lines[from] = append(line[:i:i], line[i+1:]...)
		q.waiting--
		if len(q.lines[from]) == 0 {
			q.drop(from)
		}
		return true
	}
	return false
}

// drop takes the turn of a network whose line is empty; mu is held.
func (q *queue) drop(from netip.Prefix) {
	delete(q.lines, from)
	for i, t := range q.turns {
		if t == from {
			q.turns = append(q.turns[:i:i], q.turns[i+1:]...)
			return
		}
	}
}

// leave lets the next one in: the first of the network whose turn it is.
func (q *queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.turns) == 0 {
		q.free++
		q.busy--
		return
	}
	from := q.turns[0]
	q.turns = q.turns[1:]
	line := q.lines[from]
	if len(line) > 1 {
		q.lines[from] = line[1:]
		q.turns = append(q.turns, from)
	} else {
		delete(q.lines, from)
	}
	q.waiting--
	line[0] <- nil
}

// load returns how many are in and how many wait.
func (q *queue) load() (busy, waiting int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.busy, q.waiting
}
