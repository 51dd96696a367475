//go:build mutant

package chat

import (
	"context"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"chatlab/src/wire"
)

// A build with the tag mutant breaks one promise of the chat server at a time, to
// prove that a drill finds it. The file chatlab-mutant in the folder of temporary
// files names the promise: forget, drop, twice, swap, alter-text, alter-user,
// alter-shown, late. Only the rooms of a drill are concerned: the checks before it
// must hold. No other build has this.
func mutant(room string) string {
	if !strings.HasPrefix(room, "drill-") {
		return ""
	}
	text, _ := os.ReadFile(filepath.Join(os.TempDir(), "chatlab-mutant"))
	return strings.TrimSpace(string(text))
}

// mutantEvery is how many lines there are to one that is not treated well.
const mutantEvery = 10

// mutantLog is a log that forgets, alters, or shows other than it has.
type mutantLog struct{ Log }

func faithful(log Log) Log { return mutantLog{log} }

// Publish stores some lines with another text or user. A line that is sent again is
// altered in the same way.
func (l mutantLog) Publish(ctx context.Context, lines ...Draft) []Receipt {
	for i := range lines {
		h := fnv.New32a()
		_, _ = h.Write([]byte(lines[i].ID))
		if h.Sum32()%mutantEvery != 0 {
			continue
		}
		switch mutant(lines[i].Room) {
		case "alter-text":
			lines[i].Text += "!"
		case "alter-user":
			lines[i].User = "nobody"
		}
	}
	return l.Log.Publish(ctx, lines...)
}

// Read forgets some lines. It returns fewer than n at the end only, as every log.
func (l mutantLog) Read(ctx context.Context, room string, after uint64, n int) ([]wire.Message, error) {
	if mutant(room) != "forget" {
		return l.Log.Read(ctx, room, after, n)
	}
	var kept []wire.Message
	for {
		lines, err := l.Log.Read(ctx, room, after, n-len(kept))
		for _, m := range lines {
			if after = m.Seq; m.Seq%mutantEvery != 0 {
				kept = append(kept, m)
			}
		}
		if err != nil || len(lines) == 0 || len(kept) == n {
			return kept, err
		}
	}
}

// held is the line of each room that is shown after the next one. hub.mu guards it.
var held sync.Map

// show appends a line, or shows other than the log has. hub.mu is held.
func (r *room) show(m wire.Message) {
	how := mutant(m.Room)
	if last, ok := held.LoadAndDelete(r); ok {
		defer r.append(last.(wire.Message))
	}
	if m.Seq%mutantEvery != 0 {
		r.append(m)
		return
	}
	switch how {
	case "drop":
		return
	case "twice":
		r.append(m)
	case "swap":
		held.Store(r, m)
		return
	case "alter-shown":
		m.Text += "!"
	}
	r.append(m)
}

// afterRefusal stores a line that was refused.
func (c *session) afterRefusal(id, text string) {
	if mutant(c.member.room.name) != "late" || text == "" {
		return
	}
	ctx, cancel := c.patience()
	defer cancel()
	c.server.log.Publish(ctx, Draft{Room: c.member.room.name, User: c.member.user, Text: text, ID: id})
}
