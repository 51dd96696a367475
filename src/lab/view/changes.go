package view

import (
	"fmt"
	"slices"
	"time"

	"chatlab/src/lab"
	"chatlab/src/lab/mark"
)

// maxNotes is how many marks and changes are shown and kept.
const maxNotes = 60

// changes notes when a service is in another state than before.
type changes struct {
	before map[Place]lab.ServiceStatus
	list   []mark.Mark
}

func (c *changes) see(at time.Time, rows []lab.ServiceStatus) {
	now := map[Place]lab.ServiceStatus{}
	for _, r := range rows {
		place := Place{r.Node, r.Service}
		now[place] = r
		was, known := c.before[place]
		if known && was.PID != r.PID && r.PID != 0 && was.PID != 0 {
			c.add(at, fmt.Sprintf("%s on %s was started again", r.Service, r.Node))
		}
		if known && was.State != r.State {
			c.add(at, fmt.Sprintf("%s on %s is %s", r.Service, r.Node, r.State))
		}
	}
	if len(rows) > 0 {
		c.before = now
	}
}

func (c *changes) add(at time.Time, text string) {
	c.list = append(c.list, mark.Mark{At: at, Text: text})
	c.list = c.list[max(0, len(c.list)-maxNotes):]
}

// notes joins lists, the newest first.
func notes(lists ...[]mark.Mark) []mark.Mark {
	all := slices.Concat(lists...)
	slices.SortStableFunc(all, func(a, b mark.Mark) int { return b.At.Compare(a.At) })
	return all[:min(len(all), maxNotes)]
}
