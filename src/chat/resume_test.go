package chat_test

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"chatlab/src/chat"
	"chatlab/src/testkit/chattest"
	"chatlab/src/wire"
)

func TestResumeShowsWhatWasMissedOnceAndGoesOnLive(t *testing.T) {
	s := newServer(t, nil)
	p, w := s.join(t, "kim", nil)
	p.say("", "one")
	last := p.message().Seq
	if last != w.Seq+1 {
		t.Fatalf("seq %d after a welcome with %d", last, w.Seq)
	}
	_ = p.conn.Close()
	const missed, live = 1000, 500
	s.fill("lobby", missed)
	s.fill("dev", 10)
	sent := make(chan struct{})
	go func() { // while the session resumes
		defer close(sent)
		s.fill("lobby", live)
	}()
	p, w = s.join(t, "kim", &last)
	if w.Seq != last {
		t.Errorf("welcome has seq %d, want %d", w.Seq, last)
	}
	for range missed + live {
		m := p.message()
		if m.Seq <= last || m.Room != "lobby" {
			t.Fatalf("line %d of %s comes after line %d", m.Seq, m.Room, last)
		}
		last = m.Seq
	}
	<-sent
	p.say("x", "the next")
	if m := p.message(); m.ID != "x" {
		t.Errorf("then %+v", m)
	}
}

// late is a log that gives new lines to its followers only once it is let.
type late struct {
	*chattest.Memory
	let chan struct{}
}

func (l *late) Follow(ctx context.Context, after uint64, fn func([]wire.Message) error) error {
	return l.Memory.Follow(ctx, after, func(batch []wire.Message) error {
		select {
		case <-l.let:
		case <-ctx.Done():
			return ctx.Err()
		}
		return fn(batch)
	})
}

func TestResumeWhileTheRoomsAreBehindTheLogDoublesNothing(t *testing.T) {
	let := make(chan struct{})
	s := newServer(t, nil)
	lagging := newServer(t, func(o *chat.Options) { o.Log = &late{s.log, let} })
	s.fill("lobby", 10)
	start := uint64(0)
	p, _ := lagging.join(t, "kim", &start)
	for want := uint64(1); want <= 10; want++ {
		if m := p.message(); m.Seq != want {
			t.Fatalf("line %d where %d is due", m.Seq, want)
		}
	}
	close(let)
	p.say("x", "then")
	if m := p.message(); m.Seq != 11 {
		t.Errorf("line %d where 11 is due", m.Seq)
	}
}

func TestResumeOfAnotherLogGoesOnFromNow(t *testing.T) {
	s := newServer(t, nil)
	s.fill("lobby", 3)
	ahead := uint64(99)
	p, w := s.join(t, "kim", &ahead)
	if w.Seq != 3 {
		t.Errorf("welcome has seq %d, want 3", w.Seq)
	}
	p.say("", "hi")
	if m := p.message(); m.Seq != 4 {
		t.Errorf("first line = %+v", m)
	}
	start := uint64(0)
	p, _ = s.join(t, "kim", &start)
	if m := p.message(); m.Seq != 1 {
		t.Errorf("after resume 0 comes %+v", m)
	}
}

// mute is a log that does not say where it ends, as one that has lost the others does.
type mute struct {
	*chattest.Memory
	asked atomic.Int32
}

func (m *mute) Bounds(ctx context.Context) (chat.Bounds, error) {
	if m.asked.Add(1) == 1 { // the server's own question, when it starts
		return m.Memory.Bounds(ctx)
	}
	<-ctx.Done()
	return chat.Bounds{}, ctx.Err()
}

func TestWhoResumesIsSoonToldThatTheLogIsAway(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(o *chat.Options) { o.Log, o.Limits.Publish = &mute{Memory: chattest.NewMemory()}, patience })
	s.plain(t, "lee") // it has started
	p := s.dial(t)
	hello, _ := json.Marshal(wire.Hello{Token: tokenOf(t, "kim"), Resume: new(uint64)})
	asked := time.Now()
	p.send(string(hello))
	p.wantRefusal("unavailable")
	if took := time.Since(asked); took > 3*time.Second {
		t.Errorf("told after %s: a client has left by then", took)
	}
}

// short is a log that for its first two answers lacks its last line, as that of a
// server which has just begun to lead does.
type short struct {
	chat.Log
	left atomic.Int32
}

func (s *short) Bounds(ctx context.Context) (chat.Bounds, error) {
	b, err := s.Log.Bounds(ctx)
	if s.left.Add(-1) >= 0 {
		b.Last--
	}
	return b, err
}

func TestAResumeWaitsForALogThatHasNotAllYet(t *testing.T) {
	s := newServer(t, nil)
	s.fill("lobby", 3)
	log := &short{Log: s.log}
	behind := newServer(t, func(o *chat.Options) { o.Log = log })
	log.left.Store(2)
	seen := uint64(3)
	p, w := behind.join(t, "kim", &seen)
	if w.Seq != 3 {
		t.Errorf("welcome has seq %d, want 3", w.Seq)
	}
	p.say("", "hi")
	if m := p.message(); m.Seq != 4 {
		t.Errorf("line %d comes again", m.Seq)
	}
}
