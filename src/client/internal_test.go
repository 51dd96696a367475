package client

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/wire"
)

// pendingChat is a chat without a connection, whose lines were sent a while ago.
func pendingChat(t *testing.T, age time.Duration, texts ...string) (*Chat, *[]string) {
	t.Helper()
	opts, err := Options{Addresses: []string{"127.0.0.1:1"}, Token: "a.b.c"}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	c := &Chat{opts: opts, prefix: "p", wake: make(chan struct{}, 1), stats: Stats{Refused: map[errs.Code]int{}}}
	log := &[]string{}
	c.opts.OnMessage = func(m wire.Message) { *log = append(*log, "shown "+m.Text) }
	for _, text := range texts {
		if err := c.SendAsync(text, func(_ wire.Message, err error) {
			*log = append(*log, "receipt "+text+" "+string(errs.CodeOf(err)))
		}); err != nil {
			t.Fatal(err)
		}
	}
	c.queue.next(time.Now().Add(-age), 256)
	c.queue.lost()
	return c, log
}

// sends returns what the writer may send now, as texts and commands.
func (c *Chat) sends() (out []string) {
	for _, it := range c.queue.next(time.Now(), 256) {
		out = append(out, it.line.Text+it.line.Cmd)
	}
	return out
}

func TestLinesOlderThanTheLogsMemoryWaitForTheirEcho(t *testing.T) {
	c, log := pendingChat(t, 20*time.Minute, "one", "two")
	c.place = &Place{Seq: 5}
	s := &session{chat: c}
	c.attach(s, &wire.Welcome{OK: true, User: "kim", Room: "lobby", Seq: 5})
	if got := c.sends(); !slices.Equal(got, []string{"/history 1"}) {
		t.Fatalf("first is sent %q", got)
	}
	take := func(in wire.Incoming) {
		t.Helper()
		if err := c.take(s, in); err != nil {
			t.Fatal(err)
		}
	}
	// The log holds "one" already, as line 6, and another user's line 7.
	take(wire.Incoming{Reply: &wire.Reply{Reply: "history", Message: &wire.Message{Seq: 7}}})
	take(wire.Incoming{Reply: &wire.Reply{Reply: "history", Room: "lobby", Count: 1}})
	if got := c.sends(); got != nil {
		t.Fatalf("before line 7 is sent %q", got)
	}
	take(wire.Incoming{Message: &wire.Message{Seq: 6, User: "kim", Text: "one", ID: "p-1"}})
	take(wire.Incoming{Message: &wire.Message{Seq: 7, User: "lee", Text: "hi"}})
	if got := c.sends(); !slices.Equal(got, []string{"two"}) {
		t.Fatalf("then is sent %q", got)
	}
	if want := []string{"shown one", "receipt one ", "shown hi"}; !slices.Equal(*log, want) {
		t.Errorf("%q, want %q", *log, want)
	}
}

func TestYoungLinesAreSentAgainAtOnce(t *testing.T) {
	c, _ := pendingChat(t, time.Second, "one", "two")
	c.attach(&session{chat: c}, &wire.Welcome{OK: true, User: "kim", Room: "lobby"})
	if got := c.sends(); !slices.Equal(got, []string{"one", "two"}) {
		t.Fatalf("%q", got)
	}
}

// TestReceiptOfARepeatWaitsForWhatWasMissed: the server says that it has the
// line before it has shown it again.
func TestReceiptOfARepeatWaitsForWhatWasMissed(t *testing.T) {
	c, log := pendingChat(t, time.Second, "one")
	s := &session{chat: c}
	c.attach(s, &wire.Welcome{OK: true, User: "kim", Room: "lobby", Seq: 3})
	c.sends()
	for _, in := range []wire.Incoming{
		{Stored: &wire.Stored{ID: "p-1", Seq: 5}},
		{Message: &wire.Message{Seq: 4, User: "lee", Text: "hi"}},
		{Message: &wire.Message{Seq: 5, User: "kim", Text: "one", ID: "p-1"}},
		{Stored: &wire.Stored{ID: "p-1", Seq: 5}},
		{Message: &wire.Message{Seq: 5, User: "kim", Text: "one", ID: "p-1"}},
	} {
		if err := c.take(s, in); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"shown hi", "shown one", "receipt one "}; !slices.Equal(*log, want) {
		t.Errorf("%q, want %q", *log, want)
	}
	if !c.queue.empty() || c.stats.Receipts != 1 || c.stats.Received != 2 {
		t.Errorf("%+v", c.stats)
	}
}

// TestALineThatMayBeStoredIsNotRefused: that it is too much now says nothing of its
// first sending, which a server that is gone may have stored.
func TestALineThatMayBeStoredIsNotRefused(t *testing.T) {
	limited := func(n int) wire.Incoming {
		return wire.Incoming{Refusal: &wire.Refusal{Code: "rate_limited", Text: "slow down", ID: fmt.Sprint("p-", n)}}
	}
	later := func(c *Chat) []string {
		c.queue.hold = time.Time{}
		return c.sends()
	}
	for name, before := range map[string]wire.Incoming{
		"cut":     {},
		"refused": {Refusal: &wire.Refusal{Code: "unavailable", Text: "not stored", ID: "p-1"}},
	} {
		c, log := pendingChat(t, time.Second)
		s := &session{chat: c}
		c.attach(s, &wire.Welcome{OK: true, User: "kim", Room: "lobby"})
		for _, text := range []string{"one", "two"} {
			if err := c.SendAsync(text, func(_ wire.Message, err error) {
				*log = append(*log, "receipt "+text+" "+string(errs.CodeOf(err)))
			}); err != nil {
				t.Fatal(err)
			}
			if text == "one" {
				c.sends()
				if before.Refusal == nil {
					c.detach()
					c.attach(s, &wire.Welcome{OK: true, User: "kim", Room: "lobby"})
				} else if err := c.take(s, before); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := later(c); !slices.Equal(got, []string{"one", "two"}) {
			t.Fatalf("%s: then is sent %q", name, got)
		}
		for n := range 2 {
			if err := c.take(s, limited(n+1)); err != nil {
				t.Fatal(err)
			}
		}
		if want := []string{"receipt two rate_limited"}; !slices.Equal(*log, want) {
			t.Errorf("%s: %q, want %q", name, *log, want)
		}
		if got := later(c); !slices.Equal(got, []string{"one"}) {
			t.Errorf("%s: at last is sent %q", name, got)
		}
	}
}

func TestAnothersIDIsNoReceipt(t *testing.T) {
	c, log := pendingChat(t, time.Second, "one")
	s := &session{chat: c}
	c.attach(s, &wire.Welcome{OK: true, User: "kim", Room: "lobby"})
	c.sends()
	_ = c.take(s, wire.Incoming{Message: &wire.Message{Seq: 1, User: "eve", Text: "not it", ID: "p-1"}})
	if want := []string{"shown not it"}; !slices.Equal(*log, want) || c.queue.empty() {
		t.Errorf("%q", *log)
	}
}

// TestSessionRefusalFailsNoCommand: a shutdown while a command waits is the
// session's end, and the command is sent again.
func TestSessionRefusalFailsNoCommand(t *testing.T) {
	c, log := pendingChat(t, time.Second)
	s := &session{chat: c}
	c.attach(s, &wire.Welcome{OK: true, User: "kim", Room: "lobby"})
	if err := c.CommandAsync("/who", func(r []wire.Reply, err error) { *log = append(*log, "answered") }); err != nil {
		t.Fatal(err)
	}
	c.sends()
	_ = c.take(s, wire.Incoming{Refusal: &wire.Refusal{Code: "shutdown", Text: "bye"}})
	c.detach()
	if got := c.sends(); !slices.Equal(got, []string{"/who"}) || len(*log) > 0 {
		t.Errorf("%q, %q", got, *log)
	}
}

// FuzzServerLine gives a chat with pending lines and commands whatever a server
// may send.
func FuzzServerLine(f *testing.F) {
	for _, seed := range []string{
		`{"ok":true,"user":"kim","room":"lobby","seq":1}`, `{"seq":7,"user":"kim","text":"x","id":"p-1"}`,
		`{"stored":"p-1","seq":7}`, `{"stored":"p-2"}`, `{"reply":"join","room":"dev","seq":9}`, `{"reply":"history","message":{"seq":1}}`,
		`{"reply":"who","users":["a\u001b"]}`, `{"error":"rate_limited","id":"p-1","retry_ms":-9223372036854775808}`,
		`{"error":"unavailable"}`, `{"error":"x"}`, `{"reply":"quit"}`, `{}`, `null`, `[`, "\xff",
	} {
		f.Add([]byte(seed), []byte(seed))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		c, log := pendingChat(t, time.Second, "one", "two")
		s := &session{chat: c}
		c.attach(s, &wire.Welcome{OK: true, User: "kim", Room: "lobby"})
		_ = c.CommandAsync("/who", func(r []wire.Reply, err error) { *log = append(*log, "answered") })
		_ = c.CommandAsync("/join dev", func(r []wire.Reply, err error) { *log = append(*log, "answered") })
		c.sends()
		for _, line := range [][]byte{first, second} {
			if in, err := wire.Decode(line); err == nil {
				_ = c.take(s, in)
			}
			c.sends()
		}
		if c.detach(); len(c.queue.inflight) > 0 {
			t.Fatal("something is left on a wire that is gone")
		}
		if over := len(c.queue.clear()); over > 4 {
			t.Fatalf("%d items of 4", over)
		}
		for _, text := range *log {
			if Printable(text) != text {
				t.Fatalf("shown: %q", text)
			}
		}
	})
}

func FuzzLifeOf(f *testing.F) {
	f.Add("a.eyJpYXQiOjEsImV4cCI6Mn0.c")
	f.Add("..")
	f.Fuzz(func(t *testing.T, raw string) {
		if l, ok := lifeOf(raw); ok && (l.Issued <= 0 || l.Expires <= l.Issued) {
			t.Fatalf("%+v", l)
		}
	})
}
