package client_test

import (
	"bufio"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chatlab/src/client"
	"chatlab/src/testkit"
	"chatlab/src/wire"
)

// said is a log of lee's lines.
func said(texts ...string) (log []wire.Message) {
	for i, text := range texts {
		log = append(log, wire.Message{Seq: uint64(i + 1), Time: time.Now(), Room: "lobby", User: "lee", Text: text})
	}
	return log
}

// next returns the next change of a chat's connection.
func next(t *testing.T, states <-chan client.State) client.State {
	t.Helper()
	select {
	case s := <-states:
		return s
	case <-time.After(patience):
		t.Fatal("the state of the connection does not change")
		return client.State{}
	}
}

func TestAChatShowsARoomAnewWhoseLogLostLines(t *testing.T) {
	s := newServer(t)
	s.epoch, s.log = "E1", said("one", "two", "three")
	var seen screen
	states := make(chan client.State, 8)
	o := client.Options{Addresses: []string{s.addr()}, Token: "kim.x.y", OnMessage: seen.show, OnState: func(st client.State) { states <- st }}
	o.Resume = &client.Place{}
	c := dial(t, o)
	testkit.Until(t, "all lines", func() bool { return len(seen.all()) == 3 })
	place := c.Place()
	if place != (client.Place{Epoch: "E1", Seq: 3}) {
		t.Errorf("place %+v", place)
	}
	s.set(func(s *server) { s.epoch, s.log = "E2", said("new one", "new two") })
	s.cutAll()
	if st := next(t, states); st.Connected {
		t.Fatalf("%+v", st)
	}
	if st := next(t, states); !st.Connected || !st.Lost || !st.HistoryLost {
		t.Errorf("state %+v", st)
	}
	if _, err := c.Send(within(t), "new three"); err != nil {
		t.Fatal(err)
	}
	if got, want := seen.all(), []string{"one", "two", "three", "new one", "new two", "new three"}; !slices.Equal(got, want) {
		t.Errorf("shown: %q, want %q", got, want)
	}
	if got := c.Place(); got != (client.Place{Epoch: "E2", Seq: 3}) {
		t.Errorf("then place %+v", got)
	}

	o.Resume = &place // of a chat that ended before the loss
	dial(t, o)
	if st := next(t, states); !st.Connected || !st.Lost || !st.HistoryLost || st.Address != s.addr() {
		t.Errorf("state of a later chat %+v", st)
	}
	testkit.Until(t, "all lines", func() bool { return len(seen.all()) == 9 })

	s.cutAll()
	testkit.Until(t, "both are back", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.hellos) == 5
	})
	for _, h := range s.hellos[3:] {
		if h.Epoch != "E2" || *h.Resume != 3 {
			t.Errorf("hello %+v", h)
		}
	}
}

// earlier is a chat server of the version before epochs, byte for byte.
type earlier struct {
	net.Listener
	mu     sync.Mutex
	hellos []string
	conns  []net.Conn
}

func newEarlier(t *testing.T) *earlier {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &earlier{Listener: ln}
	var done sync.WaitGroup
	done.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			done.Go(func() { e.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		e.cut()
		done.Wait()
	})
	return e
}

func (e *earlier) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	hello, err := in.ReadString('\n')
	if err != nil {
		return
	}
	e.mu.Lock()
	e.hellos, e.conns = append(e.hellos, hello), append(e.conns, conn)
	e.mu.Unlock()
	if strings.Contains(hello, `"epoch":`) {
		_, _ = conn.Write([]byte(`{"error":"bad_request","text":"unknown key \"epoch\""}` + "\n"))
		return
	}
	_, _ = conn.Write([]byte(`{"ok":true,"user":"kim","room":"lobby","seq":2}` + "\n"))
	_, _ = conn.Write([]byte(`{"seq":3,"time":"2026-01-02T15:04:05.000Z","room":"lobby","user":"lee","text":"three"}` + "\n"))
	_, _ = in.ReadString('\n') // until the connection is cut
}

func (e *earlier) cut() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, conn := range e.conns {
		_ = conn.Close()
	}
}

func (e *earlier) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.hellos)
}

// TestAServerOfAnEarlierVersionTakesAClientOver is what a rolling update does.
func TestAServerOfAnEarlierVersionTakesAClientOver(t *testing.T) {
	s, old := newServer(t), newEarlier(t)
	s.epoch, s.log = "E1", said("one", "two")
	var seen screen
	states := make(chan client.State, 8)
	c := dial(t, client.Options{
		Addresses: []string{s.addr(), old.Addr().String()}, Token: "kim.x.y", Resume: &client.Place{},
		OnMessage: seen.show, OnState: func(st client.State) { states <- st },
	})
	testkit.Until(t, "all lines", func() bool { return len(seen.all()) == 2 })
	_ = s.ln.Close()
	s.cutAll()
	next(t, states)
	if st := next(t, states); !st.Connected || st.Lost || st.Address != old.Addr().String() {
		t.Errorf("state %+v", st)
	}
	testkit.Until(t, "all lines", func() bool { return len(seen.all()) == 3 })
	want := []string{
		`{"token":"kim.x.y","room":"lobby","resume":2,"epoch":"E1"}` + "\n",
		`{"token":"kim.x.y","room":"lobby","resume":2}` + "\n",
	}
	if got := old.all(); !slices.Equal(got, want) {
		t.Errorf("hellos %q, want %q", got, want)
	}
	if got := c.Place(); got != (client.Place{Seq: 3}) {
		t.Errorf("place %+v", got)
	}
	if st := c.Stats(); st.Reconnects != 1 || len(st.Refused) != 0 {
		t.Errorf("%+v", st)
	}
	old.cut() // back at it the client names no epoch
	testkit.Until(t, "it is back", func() bool { return len(old.all()) == 3 })
	if got := old.all()[2]; got != `{"token":"kim.x.y","room":"lobby","resume":3}`+"\n" {
		t.Errorf("hello %q", got)
	}
	// Dial makes one attempt at each address: the second hello is a part of it.
	dial(t, client.Options{Addresses: []string{old.Addr().String()}, Token: "kim.x.y", Resume: &client.Place{Epoch: "E1", Seq: 2}})
}
