package chat_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"chatlab/src/chat"
	"chatlab/src/testkit"
	"chatlab/src/testkit/chattest"
	"chatlab/src/wire"
)

// counted is a log whose reads a test holds up and counts.
type counted struct {
	*chattest.Memory
	hold chan struct{}

	mu    sync.Mutex
	now   int
	most  int
	begun int
}

func (c *counted) Read(ctx context.Context, room string, after uint64, n int) ([]wire.Message, error) {
	c.mu.Lock()
	c.begun++
	c.now++
	c.most = max(c.most, c.now)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.now--
	}()
	select {
	case <-c.hold:
	case <-ctx.Done():
	}
	return c.Memory.Read(ctx, room, after, n)
}

func (c *counted) state() (most, begun int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.most, c.begun
}

func (s *server) asksForAll(t *testing.T, token string) *peer {
	t.Helper()
	p := s.dial(t)
	hello, err := json.Marshal(wire.Hello{Token: token, Resume: new(uint64)})
	if err != nil {
		t.Fatal(err)
	}
	p.send(string(hello))
	return p
}

func TestAUserReadsOnePageOfHistoryAtATime(t *testing.T) {
	t.Parallel()
	log := &counted{Memory: chattest.NewMemory(), hold: make(chan struct{})}
	s := newServer(t, func(o *chat.Options) { o.Log, o.Limits.Publish = log, patience })
	log.Publish(t.Context(), chat.Draft{Room: "lobby", User: "kim", Text: "first"})
	talker := s.plain(t, "lee")
	var readers []*peer
	for i := range 30 {
		readers = append(readers, s.asksForAll(t, tokenOf(t, []string{"kim", "ann", "bob"}[i%3])))
	}
	testkit.Until(t, "all are greeted, and a page is read", func() bool {
		_, begun := log.state()
		return begun > 0 && s.metric("resumes_total") == 30
	})
	talker.send("the chat goes on")
	if got := talker.line(); !strings.Contains(got, "the chat goes on") {
		t.Errorf("the room shows %q", got)
	}
	close(log.hold)
	for _, p := range readers {
		p.line() // the welcome
		if m := p.message(); m.Text != "first" {
			t.Errorf("the history begins with %+v", m)
		}
	}
	if most, _ := log.state(); most > 3 {
		t.Errorf("%d pages were read at the same time for 3 users", most)
	}
}

// history fills the room with more than sockets take.
func history(t *testing.T, s *server) {
	t.Helper()
	text := strings.Repeat("x", 8000)
	for range 1000 {
		if r := s.log.Publish(t.Context(), chat.Draft{Room: "lobby", User: "filler", Text: text}); r[0].Err != nil {
			t.Fatal(r[0].Err)
		}
	}
}

func TestAStopDoesNotWaitForReplaysThatNobodyReads(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	history(t, s)
	for range 3 {
		s.asksForAll(t, tokenOf(t, "kim"))
	}
	testkit.Until(t, "all are being replayed", func() bool { return s.metric("resumes_total") == 3 && s.metric("bytes_out_total") > 1<<18 })
	begun := time.Now()
	s.stop()
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("the stop took %s", took)
	}
}

func TestAReplayEndsWithItsToken(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	history(t, s)
	s.asksForAll(t, tokenFor(t, "kim", 3*time.Second))
	testkit.Until(t, "it is being replayed", func() bool { return s.metric("resumes_total") == 1 })
	testkit.Within(t, 10*time.Second, "its connection has ended", func() bool { return s.metric("connections") == 0 })
}
