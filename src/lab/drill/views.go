package drill

import (
	"context"
	"time"

	"chatlab/src/wait"
)

// views waits until every reader has seen as many lines as the one of its room
// that saw most, and compares what they saw.
func (c *crew) views(ctx context.Context) Views {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var v Views
	wait.Until(ctx, probeEvery, func() bool {
		var even bool
		v, even = c.compare()
		return even && v.Lines >= c.r.ledger.receipts(c.r.id+"-u")
	})
	return v
}

// compare compares the readers of each room.
func (c *crew) compare() (v Views, even bool) {
	v.Rooms, v.Readers = len(c.rooms), len(c.chats)
	for room := range c.rooms {
		var views []*view
		for _, m := range c.chats {
			if m.room == room {
				views = append(views, &m.view)
			}
		}
		v.add(views)
	}
	return v, v.Missing == 0
}

// add compares the readers of one room.
func (v *Views) add(room []*view) {
	most, seen := 0, 0
	var first uint64
	for i, reader := range room {
		count, repeats, hash := reader.state()
		if i == 0 {
			first = hash
		}
		if hash != first {
			v.Differ++
		}
		v.Repeats += repeats
		most = max(most, count)
		seen += count
	}
	v.Lines += most
	v.Missing += most*len(room) - seen
}
