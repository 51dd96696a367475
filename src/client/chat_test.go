package client_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chatlab/src/client"
	"chatlab/src/errs"
	"chatlab/src/testkit"
	"chatlab/src/wire"
)

func TestSendWaitsForItsReceipt(t *testing.T) {
	s := newServer(t)
	var kim, lee screen
	a := dial(t, client.Options{Addresses: []string{s.addr()}, Token: "kim.x.y", OnMessage: kim.show})
	dial(t, client.Options{Addresses: []string{s.addr()}, Token: "lee.x.y", OnMessage: lee.show})
	m, err := a.Send(within(t), "dk")
	if err != nil || m.Text != "dk" || m.Seq != 1 || m.User != "kim" || a.User() != "kim" {
		t.Fatalf("%+v, %v", m, err)
	}
	if got := kim.all(); !slices.Equal(got, []string{"dk"}) {
		t.Errorf("when the receipt came, the sender had been shown %q", got)
	}
	testkit.Until(t, "the other user sees it", func() bool { return slices.Equal(lee.all(), []string{"dk"}) })
}

// TestNothingIsLostOrDoubledWhereverTheConnectionBreaks cuts the connection at
// one point several times, while lines are sent and come from another user.
func TestNothingIsLostOrDoubledWhereverTheConnectionBreaks(t *testing.T) {
	for _, point := range []string{"accept", "hello", "welcome", "line", "stored", "echo"} {
		for _, window := range []int{1, 256} {
			t.Run(fmt.Sprint(point, " window ", window), func(t *testing.T) {
				t.Parallel()
				s := newServer(t)
				var seen screen
				c := dial(t, client.Options{Addresses: []string{s.addr()}, Token: "kim.x.y", OnMessage: seen.show, Window: window})
				cuts := atomic.Int32{}
				cuts.Store(5)
				s.set(func(s *server) { s.cut = func(p string) bool { return p == point && cuts.Add(-1) >= 0 } })
				want := numbered("line ", 40)
				for i, text := range want {
					if err := c.SendAsync(text, nil); err != nil {
						t.Fatal(err)
					}
					if i%8 == 4 {
						s.cutAll() // so that every point is passed
					}
				}
				if err := c.Drain(within(t)); err != nil {
					t.Fatal(err)
				}
				testkit.Until(t, "all is shown", func() bool { return len(seen.all()) >= len(want) })
				if got := s.texts(); !slices.Equal(got, want) {
					t.Errorf("stored: %q", got)
				}
				if got := seen.all(); !slices.Equal(got, want) {
					t.Errorf("shown: %q", got)
				}
				if st := c.Stats(); st.Reconnects == 0 || st.Receipts != len(want) || st.Received != len(want) {
					t.Errorf("%+v", st)
				}
			})
		}
	}
}

func TestMissedLinesAreShownAfterAReconnect(t *testing.T) {
	s := newServer(t)
	var seen screen
	states := make(chan client.State, 8)
	c := dial(t, client.Options{Addresses: []string{s.addr()}, Token: "kim.x.y", OnMessage: seen.show, OnState: func(st client.State) { states <- st }})
	if _, err := c.Send(within(t), "one"); err != nil {
		t.Fatal(err)
	}
	s.set(func(s *server) {
		s.greet = func(wire.Hello) *wire.Refusal { return &wire.Refusal{Code: "unavailable"} }
	})
	s.cutAll()
	if st := <-states; st.Connected || !errs.Is(st.Err, errs.Unavailable) {
		t.Fatalf("%+v", st)
	}
	testkit.Until(t, "a refused greeting", func() bool { return c.Stats().Refused[errs.Unavailable] > 0 })
	s.set(func(s *server) {
		for i := range 3 {
			s.log = append(s.log, wire.Message{Seq: uint64(i + 2), Room: "lobby", User: "lee", Text: fmt.Sprint("missed ", i+1)})
		}
		s.greet = nil
	})
	if st := <-states; !st.Connected || st.Lost || st.Address != s.addr() {
		t.Fatalf("%+v", st)
	}
	testkit.Until(t, "the missed lines", func() bool { return len(seen.all()) == 4 })
	if got := seen.all(); !slices.Equal(got, append([]string{"one"}, numbered("missed ", 3)...)) {
		t.Errorf("%q", got)
	}
	if got := c.Place().Seq; got != 4 {
		t.Errorf("seq %d", got)
	}
}

func TestRepeatedLinesAreShownOnce(t *testing.T) {
	s := newServer(t)
	var seen, repeats screen
	c := dial(t, client.Options{Addresses: []string{s.addr()}, Token: "kim.x.y", OnMessage: seen.show, OnRepeat: repeats.show})
	if _, err := c.Send(within(t), "one"); err != nil {
		t.Fatal(err)
	}
	s.set(func(s *server) {
		for p := range s.conns {
			p.after = 0
		}
	})
	if _, err := c.Send(within(t), "two"); err != nil {
		t.Fatal(err)
	}
	if got := repeats.all(); !slices.Equal(got, []string{"one"}) {
		t.Errorf("dropped %q", got)
	}
	if got := seen.all(); !slices.Equal(got, []string{"one", "two"}) || c.Stats().Repeated != 1 {
		t.Fatalf("%q, %+v", got, c.Stats())
	}
}

func TestNextAddressTakesOver(t *testing.T) {
	first, second := newServer(t), newServer(t)
	dead := strings.TrimPrefix(deadURL(t), "http://")
	c := dial(t, client.Options{Addresses: []string{dead, first.addr(), second.addr()}, Token: "kim.x.y"})
	if _, err := c.Send(within(t), "to the first"); err != nil {
		t.Fatal(err)
	}
	_ = first.ln.Close()
	first.cutAll()
	if _, err := c.Send(within(t), "to the second"); err != nil {
		t.Fatal(err)
	}
	if got := second.texts(); !slices.Equal(got, []string{"to the second"}) {
		t.Fatalf("%q", got)
	}
}

func TestRefusedLineIsItsSendersOnly(t *testing.T) {
	s := newServer(t)
	left := 1
	s.refuse = func(l wire.Line) *wire.Refusal {
		if left == 0 || l.Text != "two" {
			return nil
		}
		left--
		return &wire.Refusal{Code: "rate_limited", Text: "slow\x1b down", ID: l.ID, RetryMS: 30}
	}
	for _, retry := range []bool{false, true} {
		s.set(func(s *server) { left, s.log = 1, nil })
		c := dial(t, client.Options{Addresses: []string{s.addr()}, Token: "kim.x.y", RetryLimited: retry, Window: 1})
		if err := c.SendAsync("one", nil); err != nil {
			t.Fatal(err)
		}
		got := make(chan error, 1)
		if err := c.SendAsync("two", func(_ wire.Message, err error) { got <- err }); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Send(within(t), "three"); err != nil {
			t.Fatal(err)
		}
		err, want := <-got, []string{"one", "two", "three"}
		if !retry {
			want = []string{"one", "three"}
			if !errs.Is(err, errs.RateLimited) || errs.RetryAfterOf(err) != 30*time.Millisecond || errs.Public(err) != "slow\uFFFD down" {
				t.Errorf("%#v", err)
			}
		} else if err != nil {
			t.Error(err)
		}
		if texts := s.texts(); !slices.Equal(texts, want) {
			t.Errorf("retry %t: stored %q", retry, texts)
		}
		if c.Stats().Refused[errs.RateLimited] != 1 || c.Stats().Reconnects != 0 {
			t.Errorf("%+v", c.Stats())
		}
		_ = c.Close()
	}
}

func TestLineThatCannotBeStoredNowIsSentAgain(t *testing.T) {
	s := newServer(t)
	n := 0
	s.refuse = func(l wire.Line) *wire.Refusal {
		if n++; n > 2 {
			return nil
		}
		return &wire.Refusal{Code: "unavailable", Text: "the log is away", ID: l.ID}
	}
	c := dial(t, client.Options{Addresses: []string{s.addr()}, Token: "kim.x.y"})
	if _, err := c.Send(within(t), "one"); err != nil || n != 3 {
		t.Fatalf("%v after %d", err, n)
	}
}

func TestBadLinesAreRefusedBeforeTheyAreSent(t *testing.T) {
	s := newServer(t)
	c := dial(t, client.Options{Addresses: []string{s.addr()}, Token: "kim.x.y"})
	for text, code := range map[string]errs.Code{
		"": errs.BadRequest, "\x1b\x00": errs.BadRequest, "a\xff": errs.BadUTF8, strings.Repeat("x", 4096): errs.TooLong,
	} {
		if _, err := c.Send(within(t), text); !errs.Is(err, code) {
			t.Errorf("%.20q: %v, want %s", text, err, code)
		}
	}
	for _, cmd := range []string{"", "who", "/nothing", "/join " + strings.Repeat("x", 4096)} {
		if _, err := c.Command(within(t), cmd); err == nil {
			t.Errorf("command %.20q was taken", cmd)
		}
	}
	if _, err := c.Send(within(t), "fine"); err != nil || len(s.texts()) != 1 {
		t.Fatal(err, s.texts())
	}
}

func TestJoinKeepsLinesInTheirRooms(t *testing.T) {
	s := newServer(t)
	var seen screen
	c := dial(t, client.Options{Addresses: []string{s.addr()}, Token: "kim.x.y", OnMessage: seen.show})
	cut := atomic.Bool{}
	s.set(func(s *server) { s.cut = func(p string) bool { return p == "stored" && !cut.Swap(true) } })
	_ = c.SendAsync("in lobby", nil)
	joined := make(chan error, 1)
	go func() { _, err := c.Command(within(t), "/join dev"); joined <- err }()
	if err := <-joined; err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send(within(t), "in dev"); err != nil || c.Room() != "dev" {
		t.Fatal(err, c.Room())
	}
	s.cutAll()
	if _, err := c.Send(within(t), "in dev again"); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, room := range []string{"lobby", "dev", "dev"} {
		if s.log[i].Room != room {
			t.Errorf("%q is in %s", s.log[i].Text, s.log[i].Room)
		}
	}
	if got := seen.all(); len(got) != 3 {
		t.Errorf("shown: %q", got)
	}
}

func TestCommandsAreAnsweredAndRefused(t *testing.T) {
	s := newServer(t)
	s.refuse = func(l wire.Line) *wire.Refusal {
		if l.Cmd == "/who" {
			return &wire.Refusal{Code: "bad_request", Text: "no"}
		}
		return nil
	}
	c := dial(t, client.Options{Addresses: []string{s.addr()}, Token: "kim.x.y"})
	if _, err := c.Send(within(t), "one"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Command(within(t), "/who"); !errs.Is(err, errs.BadRequest) {
		t.Error(err)
	}
	r, err := c.Command(within(t), "/history 1")
	if err != nil || len(r) != 2 || r[0].Message.Text != "one" || r[1].Count != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := c.Command(within(t), "/quit"); err != nil {
		t.Error(err)
	}
	<-c.Done()
	if c.Err() != nil {
		t.Error(c.Err())
	}
	if _, err := c.Send(within(t), "late"); !errs.Is(err, errs.Shutdown) {
		t.Error(err)
	}
}

func TestCloseTellsWhoWaits(t *testing.T) {
	s := newServer(t)
	c := dial(t, client.Options{Addresses: []string{s.addr()}, Token: "kim.x.y"})
	s.set(func(s *server) { s.mute = true })
	got := make(chan error, 1)
	if err := c.SendAsync("one", func(_ wire.Message, err error) { got <- err }); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Send(ctx, "two"); !errs.Is(err, errs.Timeout) {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; !errs.Is(err, errs.Shutdown) {
		t.Error(err)
	}
	if err := c.Drain(within(t)); err != nil {
		t.Error(err)
	}
}
