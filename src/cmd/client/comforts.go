package main

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"chatlab/src/client"
	"chatlab/src/errs"
	"chatlab/src/wait"
	"chatlab/src/wire"
)

// Times of the messages that the client adds to the chat.
const (
	greetLimit    = 5 * time.Second // for the list of users at the start
	presenceEvery = 2 * time.Second // between two questions for that list
)

// comforts are settings that a person changes while chatting, and the names for Tab.
type comforts struct {
	mu       sync.Mutex
	times    bool               // each line has the time at which it was said
	users    []string           // seen in the room, for completion
	presence context.CancelFunc // ends the reports of /presence; nil: it is off
}

// commands are those of a line that begins with /, sorted.
var commands = []string{"/help", "/history", "/join", "/presence", "/quit", "/times", "/who"}

const ownHelp = "/presence on - say who comes and goes\n/times on - show when a line was said"

// words are what a line's first word, or another one, may be.
func (c *comforts) words(first bool) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if first {
		return slices.Concat(commands, c.users)
	}
	return slices.Clone(c.users)
}

// saw keeps the name of a user for completion.
func (c *comforts) saw(users ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, u := range users {
		if !slices.Contains(c.users, u) {
			c.users = append(c.users, u)
		}
	}
	const enough = 1000
	c.users = c.users[max(0, len(c.users)-enough):]
}

// spoken puts a line as a person reads it.
func (c *comforts) spoken(m wire.Message) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.times {
		return m.Time.Local().Format("15:04:05 ") + spoken(m)
	}
	return spoken(m)
}

// greet names the room, its users and /help.
func (t *talk) greet(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, greetLimit)
	defer cancel()
	replies, err := t.chat.Command(ctx, "/who")
	if err != nil || len(replies) == 0 {
		return // it matters little, and a fault of the server shows with the first line
	}
	who := replies[0]
	t.comforts.saw(who.Users...)
	users := strings.Join(who.Users, " ")
	if len(who.Users) < who.Count {
		users += " …"
	}
	t.person.show("* " + client.Printable(who.Room+": "+users+"; /help lists the commands"))
}

// own does what a person asks of the client itself. It is false for a command of the
// server.
func (t *talk) own(ctx context.Context, line string) bool {
	name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	name, rest = strings.ToLower(name), strings.ToLower(strings.TrimSpace(rest))
	if name != "/presence" && name != "/times" || !t.person.typing() {
		return false
	}
	if rest != "on" && rest != "off" {
		t.refused(errs.E(errs.BadRequest, "write %s on or %s off", name, name))
		return true
	}
	on := rest == "on"
	if name == "/presence" {
		t.watchPresence(ctx, on)
		return true
	}
	t.comforts.mu.Lock()
	defer t.comforts.mu.Unlock()
	t.comforts.times = on
	return true
}

// watchPresence starts or ends the reports of users who come and go.
func (t *talk) watchPresence(ctx context.Context, on bool) {
	c := &t.comforts
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.presence != nil {
		c.presence()
		c.presence = nil
	}
	if !on {
		return
	}
	ctx, c.presence = context.WithCancel(ctx)
	t.tasks.Go(func() {
		var before *wire.Reply
		wait.Every(ctx, presenceEvery, func() {
			replies, err := t.chat.Command(ctx, "/who")
			if err != nil || len(replies) == 0 {
				return // the connection is away, which the person is told
			}
			now := &replies[0]
			c.saw(now.Users...)
			news := changed(before, now)
			if before == nil {
				news = t.worded(*now)
			}
			for _, text := range news {
				t.person.show("* " + client.Printable(text))
			}
			before = now
		})
	})
}

// changed tells who has come and gone between two answers to /who. A list that does not
// name all tells nothing, nor does one of another room.
func changed(before, now *wire.Reply) (out []string) {
	if before == nil || before.Room != now.Room || len(now.Users) < now.Count || len(before.Users) < before.Count {
		return nil
	}
	for _, u := range now.Users {
		if !slices.Contains(before.Users, u) {
			out = append(out, u+" has come")
		}
	}
	for _, u := range before.Users {
		if !slices.Contains(now.Users, u) {
			out = append(out, u+" has left")
		}
	}
	return out
}
