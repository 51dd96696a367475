package drill

import (
	"fmt"
	"sync"
	"time"

	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
)

// Where a lab has a service several times, no client may be without it for
// longer, whatever dies: JetStream takes up to nine seconds to find out that a
// leader is gone.
const (
	chatGap   = 10 * time.Second
	signInGap = 5 * time.Second
	// plannedGap is for both where servers are stopped in good order: they hand over.
	plannedGap = time.Second
)

// Gaps is how long the client that waited longest was without a service, from
// what it asked first to the first thing that was done for it.
type Gaps struct {
	Chat       Seconds   `json:"chat"`
	ChatFrom   time.Time `json:"chat_from,omitzero"` // when it asked, to be found in the daemons' logs
	SignIn     Seconds   `json:"sign_in"`
	SignInFrom time.Time `json:"sign_in_from,omitzero"`
}

// gap measures one client's.
type gap struct {
	mu      sync.Mutex
	since   time.Time // of the first thing asked that nothing was done for since
	longest time.Duration
	from    time.Time // when the longest began
	excused bool      // what ends now is not counted
}

// excuse begins, or ends, a time in which the client cannot be served.
func (g *gap) excuse(yes bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.excused = yes
}

func (g *gap) asked(at time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.since.IsZero() {
		g.since = at
	}
}

func (g *gap) served(at time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.since.IsZero() {
		if took := at.Sub(g.since); took > g.longest && !g.excused {
			g.longest, g.from = took, g.since
		}
		g.since = time.Time{}
	}
}

// most is the longest gap and when it began, with the one that has not ended.
func (g *gap) most(now time.Time) (time.Duration, time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if open := now.Sub(g.since); !g.since.IsZero() && open > g.longest && !g.excused {
		return open, g.since
	}
	return g.longest, g.from
}

// open is the length of the gap that has not ended, 0 when there is none.
func (g *gap) open(now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.since.IsZero() {
		return 0
	}
	return now.Sub(g.since)
}

// unserved is the time from which a client that waits for an answer is held up:
// one that is served has it within milliseconds.
const unserved = time.Second

// waiting counts the clients of the chat that no server serves.
func (c *crew) waiting() (n int) {
	now := time.Now()
	for _, m := range c.chats {
		if m.gap.open(now) > unserved {
			n++
		}
	}
	return n
}

// signersWaiting counts those who sign up and in and are not served.
func (c *crew) signersWaiting() (n int) {
	now := time.Now()
	for _, s := range c.signers {
		if s.gap.open(now) > unserved {
			n++
		}
	}
	return n
}

// gaps sums the crew's, and tells which are longer than a redundant lab allows.
func (c *crew) gaps(l *lab.Lab) (Gaps, []string) {
	now := time.Now()
	var g Gaps
	for _, m := range c.chats {
		if took, from := m.gap.most(now); Seconds(took) > g.Chat {
			g.Chat, g.ChatFrom = Seconds(took), from
		}
	}
	for _, s := range c.signers {
		if took, from := s.gap.most(now); Seconds(took) > g.SignIn {
			g.SignIn, g.SignInFrom = Seconds(took), from
		}
	}
	var broken []string
	for _, is := range []struct {
		service, what string
		was           time.Duration
		from          time.Time
		limit         time.Duration
	}{
		{inventory.Chatd, "the chat", time.Duration(g.Chat), g.ChatFrom, c.r.longest(chatGap)},
		{inventory.Authd, "sign-ins", time.Duration(g.SignIn), g.SignInFrom, c.r.longest(signInGap)},
	} {
		if len(l.Inventory.Members(is.service)) > 1 && is.was > is.limit {
			broken = append(broken, fmt.Sprintf("a client was without %s for %s from %s on, the limit of a lab with several is %s",
				is.what, round(is.was), is.from.Format("15:04:05.000"), is.limit))
		}
	}
	return g, broken
}

// longest is a limit, or less where nothing dies.
func (r *run) longest(limit time.Duration) time.Duration {
	if r.planned {
		return min(limit, plannedGap)
	}
	return limit
}
