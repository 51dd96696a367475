package chat

import (
	"testing"
	"time"
)

const ms = time.Millisecond

func TestBeats(t *testing.T) {
	for name, c := range map[string]struct {
		pace  pace
		beat  time.Duration // before
		took  time.Duration
		bytes uint64
		next  time.Duration
		pause time.Duration
	}{
		"a few connections":            {ownPace, 0, minPass - 1, 1, 0, 0},
		"a hundred":                    {ownPace, 0, ms / 4, 1, 8 * ms, 8 * ms},
		"a crowd":                      {ownPace, 9 * ms, 3 * ms, 1, 9 * ms, 8 * ms},
		"a crowd, in a flood":          {ownPace, 9 * ms, 3 * ms, flood, 18 * ms, 15 * ms},
		"a long flood":                 {ownPace, 24 * ms, 3 * ms, flood, 24 * ms, 21 * ms},
		"after the flood":              {ownPace, 24 * ms, 3 * ms, 1, 9 * ms, 8 * ms},
		"a flood of a few":             {ownPace, 24 * ms, minPass - 1, flood, 0, 0},
		"few on one of several":        {sharedPace, 0, minPass - 1, 1, 0, 0},
		"a crowd on one of several":    {sharedPace, 36 * ms, 3 * ms, 1, 36 * ms, 33 * ms},
		"a flood on one of several":    {sharedPace, 36 * ms, 3 * ms, flood, 72 * ms, 69 * ms},
		"a pass longer than its beats": {ownPace, 9 * ms, 20 * ms, 1, 9 * ms, 8 * ms},
	} {
		next := c.pace.next(c.beat, c.took, c.bytes)
		if got := pause(next, c.took); next != c.next || got != c.pause {
			t.Errorf("%s: beat %s, pause %s; want %s, %s", name, next, got, c.next, c.pause)
		}
	}
}
