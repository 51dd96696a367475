package chat

import (
	"context"
	"sync"
)

// replays shares the work of reading history out. Asking for all of a room's history
// takes 300 bytes and gives megabytes, so one page is read at a time for each user, and
// replayPlaces in all. A place is held for a page and not while a reader takes its time
// with it. There are many places, as a page takes as long as a log without a leader
// does: then all clients of a killed server resume at once.
type replays struct {
	places chan struct{}

	mu    sync.Mutex
	users map[string]*turn
}

const replayPlaces = 64

// turn is one user's place.
type turn struct {
	free chan struct{}
	uses int // sessions that have it or wait for it
}

func newReplays() *replays {
	return &replays{places: make(chan struct{}, replayPlaces), users: map[string]*turn{}}
}

// do runs f once the user and the server have a place for it. Fails as ctx does.
func (r *replays) do(ctx context.Context, user string, f func() error) error {
	own := r.join(user)
	defer r.leave(user, own)
	for _, place := range []chan struct{}{own.free, r.places} {
		select {
		case place <- struct{}{}:
			defer func() { <-place }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return f()
}

func (r *replays) join(user string) *turn {
	r.mu.Lock()
	defer r.mu.Unlock()
	own := r.users[user]
	if own == nil {
		own = &turn{free: make(chan struct{}, 1)}
		r.users[user] = own
	}
	own.uses++
	return own
}

func (r *replays) leave(user string, own *turn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if own.uses--; own.uses == 0 {
		delete(r.users, user)
	}
}
