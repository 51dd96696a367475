package view

import (
	"context"
	"slices"

	"chatlab/src/lab"
)

// tail is how many events are shown.
const tail = 14

// followEvents reads the end of the event log whenever there is more of it.
func (c *Collector) followEvents(ctx context.Context, more <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-more:
		}
		look, _ := c.Look()
		if look.Lab == nil {
			continue
		}
		limit, cancel := context.WithTimeout(ctx, lab.Allow(look.Lab.Target, eventsLimit))
		events, err := c.src.Events(limit, look.Lab, tail)
		cancel()
		c.mu.Lock()
		if c.eventErr = err; err == nil {
			slices.Reverse(events) // the newest is what people look for
			c.events = events
		}
		c.mu.Unlock()
	}
}
