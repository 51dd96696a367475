package chat_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"chatlab/src/chat"
	"chatlab/src/testkit/chattest"
	"chatlab/src/wire"
)

// resume enters the lobby as a client that has the lines of an epoch up to seq.
func (s *server) resume(t *testing.T, epoch string, seq uint64) (*peer, wire.Welcome) {
	t.Helper()
	p := s.dial(t)
	hello, _ := json.Marshal(wire.Hello{Token: tokenOf(t, "kim"), Resume: &seq, Epoch: epoch})
	p.send(string(hello))
	in := p.next()
	if in.Welcome == nil {
		t.Fatalf("got %s, want a welcome", show(in))
	}
	return p, *in.Welcome
}

// TestAClientOfALogThatLostLinesMissesNone is about a log of 10 lines that loses all but
// four of them, and then gives their numbers to others.
func TestAClientOfALogThatLostLinesMissesNone(t *testing.T) {
	log := chattest.NewMemory()
	s := newServer(t, func(o *chat.Options) { o.Log = log })
	s.log = log
	s.fill("lobby", 10)
	first := log.Epoch()
	s.stop()
	log.Lose(4)
	s = newServer(t, func(o *chat.Options) { o.Log = log })
	s.log = log
	s.fill("lobby", 8)
	second := log.Epoch()
	for _, tt := range []struct {
		name  string
		epoch string
		seq   uint64
		want  wire.Welcome
	}{
		{"a client that missed lines before the loss", first, 2, wire.Welcome{Seq: 2}},
		{"one that has the lost lines", first, 10, wire.Welcome{Seq: 4}},
		{"one that came after the loss", second, 7, wire.Welcome{Seq: 7}},
		{"one that has lines of a later epoch than the log", "2", 7, wire.Welcome{Seq: 0, HistoryLost: true}},
		{"one of another log, ahead of this one", "other", 99, wire.Welcome{Seq: 0, HistoryLost: true}},
		{"one of an earlier version", "", 7, wire.Welcome{Seq: 7}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.OK, tt.want.User, tt.want.Room, tt.want.Epoch = true, "kim", "lobby", second
			p, w := s.resume(t, tt.epoch, tt.seq)
			if w != tt.want {
				t.Errorf("welcome = %+v, want %+v", w, tt.want)
			}
			for seq := tt.want.Seq + 1; seq <= 12; seq++ {
				if m := p.message(); m.Seq != seq {
					t.Fatalf("line %d where %d is due", m.Seq, seq)
				}
			}
		})
	}
}

// TestAClientOfAnEarlierVersionIsServed speaks as one, byte for byte.
func TestAClientOfAnEarlierVersionIsServed(t *testing.T) {
	s := newServer(t, nil)
	s.fill("lobby", 3)
	p := s.dial(t)
	p.send(fmt.Sprintf(`{"token":%q,"room":"lobby","resume":2}`, tokenOf(t, "kim")))
	p.want(`{"ok":true,"user":"kim","room":"lobby","seq":2,"epoch":"0"}`)
	if m := p.message(); m.Seq != 3 {
		t.Errorf("line %d where 3 is due", m.Seq)
	}
}
