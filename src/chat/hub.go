package chat

import (
	"context"
	"errors"
	"sync"
	"time"

	"chatlab/src/errs"
	"chatlab/src/wait"
	"chatlab/src/wire"
)

// hub follows the log and keeps the rooms that have members. Locks are taken in
// the order lane.mu, hub.mu, writer.mu, run.mu.
type hub struct {
	log   Log
	pace  pace
	stats *Metrics
	tasks sync.WaitGroup // lanes that pass, writers that wait

	mu    sync.Mutex
	rooms map[string]*room
	seq   uint64        // the log's last line that the rooms have
	moved chan struct{} // closed when seq grows; nil if nobody waits
	up    bool          // follows the log

	placed chan struct{} // closed once the hub's place in the log is known
}

func newHub(log Log, p pace, stats *Metrics) *hub {
	return &hub{log: log, pace: p, stats: stats, rooms: map[string]*room{}, placed: make(chan struct{})}
}

const (
	followAgain  = 200 * time.Millisecond // between two attempts to follow a log that is away
	readyTimeout = 500 * time.Millisecond // for the log of a server that has just started
)

// follow keeps the rooms filled until ctx ends.
func (h *hub) follow(ctx context.Context) error {
	for first := true; ; {
		if first {
			b, err := h.log.Bounds(ctx)
			if err == nil {
				h.seq = b.Last
				first = false
				close(h.placed)
			}
		}
		if !first {
			h.setUp(true)
			err := h.log.Follow(ctx, h.position(), h.take)
			h.setUp(false)
			if err == nil {
				return errors.New("the log ended")
			}
		}
		if !wait.Sleep(ctx, followAgain) {
			return nil
		}
	}
}

// ready waits a moment until the hub's place in the log is known: what has
// several addresses shall soon try another. Fails with code unavailable.
func (h *hub) ready() error {
	select {
	case <-h.placed:
		return nil
	case <-time.After(readyTimeout):
		return errs.E(errs.Unavailable, "the server waits for its log, try again later")
	}
}

func (h *hub) setUp(up bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.up = up
}

func (h *hub) position() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.seq
}

// following tells whether the hub is fed by the log now.
func (h *hub) following() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.up
}

// take appends a batch of the log to the rooms and wakes them once.
func (h *hub) take(batch []wire.Message) error {
	type woken struct {
		room  *room
		since time.Time
	}
	var wake []woken
	h.mu.Lock()
	for _, m := range batch {
		if m.Seq <= h.seq {
			continue
		}
		h.seq = m.Seq
		r := h.rooms[m.Room]
		if r == nil {
			continue
		}
		r.show(m)
		if n := len(wake); n == 0 || wake[n-1].room != r {
			wake = append(wake, woken{r, m.Time})
		}
	}
	if h.moved != nil {
		close(h.moved)
		h.moved = nil
	}
	h.mu.Unlock()
	for _, w := range wake {
		w.room.wake(w.since, h.stats, &h.tasks)
		w.room.keepUp(h.stats)
	}
	return nil
}

// reach waits until the rooms have what the log has up to seq.
func (h *hub) reach(ctx context.Context, seq uint64) error {
	for {
		h.mu.Lock()
		if h.seq >= seq {
			h.mu.Unlock()
			return nil
		}
		if h.moved == nil {
			h.moved = make(chan struct{})
		}
		moved := h.moved
		h.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// attach puts a connection into a room and returns the number of the log's
// last line that it will not get from the room. The caller owns m.w.
func (h *hub) attach(m *member, name string) uint64 {
	h.mu.Lock()
	r := h.rooms[name]
	if r == nil {
		r = newRoom(name, h.pace)
		h.rooms[name] = r
	}
	lane := &r.lanes[r.members%len(r.lanes)]
	r.members++
	r.readers[m.mode]++
	seq := h.seq
	m.w.mu.Lock()
	m.w.run = &r.runs[m.mode]
	m.w.off, m.w.line = m.w.run.position()
	m.w.mu.Unlock()
	h.mu.Unlock()

	m.room, m.lane = r, lane
	lane.mu.Lock()
	m.slot = len(lane.members)
	lane.members = append(lane.members, m)
	lane.mu.Unlock()
	return seq
}

// detach takes a connection out of its room. What the room held for it and was
// not yet written is lost, unless the caller flushed before.
func (h *hub) detach(m *member) {
	m.lane.mu.Lock()
	m.lane.remove(m)
	m.lane.mu.Unlock()

	h.mu.Lock()
	defer h.mu.Unlock()
	r := m.room
	m.w.mu.Lock()
	m.w.run = nil
	m.w.mu.Unlock()
	r.members--
	if r.readers[m.mode]--; r.members == 0 {
		delete(h.rooms, r.name)
	}
	m.room, m.lane = nil, nil
}
