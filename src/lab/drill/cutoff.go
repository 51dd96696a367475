package drill

import (
	"maps"
	"sync"
	"time"

	"chatlab/src/client"
	"chatlab/src/errs"
)

// cutOff is what a client that knows one server only gets from it while the server
// is cut off from the larger part of the others.
type cutOff struct {
	mu     sync.Mutex
	since  time.Time // zero: the server is not cut off
	strict time.Time // what is asked from then on must not be done
	taken  int       // asked since strict, and done
	codes  map[errs.Code]int
}

func (c *cutOff) begin(since, strict time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since, c.strict, c.taken, c.codes = since, strict, 0, map[errs.Code]int{}
}

// end returns the completed requests, and the codes of the refused ones.
func (c *cutOff) end() (taken int, codes map[errs.Code]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since, c.strict = time.Time{}, time.Time{}
	return c.taken, maps.Clone(c.codes)
}

// done notes that the request of a time has been completed.
func (c *cutOff) done(asked time.Time) { c.answered(asked, nil) }

// answered notes the answer to the request of a time.
func (c *cutOff) answered(asked time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.since.IsZero() {
		return
	}
	if err != nil {
		c.codes[errs.CodeOf(err)]++
	} else if !asked.Before(c.strict) {
		c.taken++
	}
}

// refusedSince returns the codes of a chat's refusals that it did not have before.
// The client resends requests that were refused as unavailable, so that its sender is not
// told of it.
func refusedSince(before, now client.Stats) map[errs.Code]int {
	codes := map[errs.Code]int{}
	for code, n := range now.Refused {
		if more := n - before.Refused[code]; more > 0 {
			codes[code] = more
		}
	}
	return codes
}
