package drill

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"chatlab/src/wait"
)

// view is the set of lines that one reader was shown, a bit for each sequence.
type view struct {
	mu        sync.Mutex
	base      uint64 // the sequence of the first bit
	bits      []uint64
	last      uint64
	doubled   int
	reordered int // shown after a later line
}

// see takes a line that the reader's client was given.
func (v *view) see(seq uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case seq > v.last:
		v.last = seq
	case v.has(seq):
		v.doubled++
	default:
		v.reordered++
	}
	v.set(seq)
}

func (v *view) set(seq uint64) {
	if len(v.bits) == 0 {
		v.base = seq
	}
	if seq < v.base {
		return // it is not missing in any log that begins with the drill
	}
	at := (seq - v.base) / 64
	for uint64(len(v.bits)) <= at {
		v.bits = append(v.bits, 0)
	}
	v.bits[at] |= 1 << ((seq - v.base) % 64)
}

func (v *view) has(seq uint64) bool {
	at := (seq - v.base) / 64
	return seq >= v.base && at < uint64(len(v.bits)) && v.bits[at]&(1<<((seq-v.base)%64)) != 0
}

// latest returns the latest sequence that the reader was shown.
func (v *view) latest() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.last
}

// reached reports whether the reader was shown a line at least as late.
func (v *view) reached(seq uint64) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.last >= seq
}

// lacks counts the sequences that the reader was not shown, and returns the first.
func (v *view) lacks(seqs []uint64) (n int, first uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, seq := range seqs {
		if !v.has(seq) {
			if n++; n == 1 {
				first = seq
			}
		}
	}
	return n, first
}

// readersLimit is how long readers may take to be shown the stored log's last line.
const readersLimit = 30 * time.Second

// views waits until every reader was shown the last line of its room, and holds
// the lines that it was shown against the stored log. logs has the sequences of
// each room.
func (c *crew) views(ctx context.Context, logs map[string][]uint64) Views {
	limit, cancel := context.WithTimeout(ctx, readersLimit)
	defer cancel()
	wait.Until(limit, probeEvery, func() bool {
		return !slices.ContainsFunc(c.chats, func(m *chatter) bool {
			log := logs[c.rooms[m.room]]
			return len(log) > 0 && !m.view.reached(log[len(log)-1])
		})
	})
	return c.compare(logs)
}

// compare holds each reader against its room's stored log.
func (c *crew) compare(logs map[string][]uint64) Views {
	v := Views{Readers: len(c.chats), Rooms: len(c.rooms)}
	for _, room := range c.rooms {
		v.Lines += len(logs[room])
	}
	for _, m := range c.chats {
		lacks, first := m.view.lacks(logs[c.rooms[m.room]])
		v.add(missing, lacks, fmt.Sprintf("sequence %d for %s", first, m.name))
		m.view.mu.Lock()
		v.add(doubled, m.view.doubled, "for "+m.name)
		v.add(reordered, m.view.reordered, "for "+m.name)
		m.view.mu.Unlock()
		if m.chat != nil {
			v.Dropped += m.chat.Stats().Repeated
		}
	}
	c.screens.recogniseShown()
	v.merge(c.screens.Account)
	return v
}
