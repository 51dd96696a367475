package client_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chatlab/src/client"
	"chatlab/src/errs"
	"chatlab/src/testkit"
	"chatlab/src/wire"
)

// tokenFor makes what looks like a token of kim's, n-th of its kind.
func tokenFor(n int, issued time.Time, life time.Duration) string {
	payload := fmt.Sprintf(`{"iat":%d,"exp":%d}`, issued.Unix(), issued.Add(life).Unix())
	return "kim." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + fmt.Sprintf(".%d", n)
}

func TestTokenIsRenewedAndSentInTime(t *testing.T) {
	s := newServer(t)
	var n atomic.Int32
	c := dial(t, client.Options{
		Addresses: []string{s.addr()}, Token: tokenFor(0, time.Now().Add(-25*time.Minute), 30*time.Minute),
		Refresh: func(_ context.Context, old string) (string, error) {
			if n.Add(1) == 1 {
				return "", errs.E(errs.Unavailable, "away")
			}
			return tokenFor(1, time.Now(), 30*time.Minute), nil
		},
	})
	testkit.Until(t, "the session has the new token", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.lines) > 0 && strings.HasPrefix(s.lines[0].Cmd, "/token kim.") && strings.HasSuffix(s.lines[0].Cmd, ".1")
	})
	s.cutAll()
	testkit.Until(t, "the next session begins with it", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.hellos) > 1 && strings.HasSuffix(s.hellos[len(s.hellos)-1].Token, ".1")
	})
	if n.Load() != 2 || c.Stats().Renewals != 1 {
		t.Errorf("%d refreshes, %+v", n.Load(), c.Stats())
	}
}

func TestClockThatIsWrongDoesNotRenewWithoutEnd(t *testing.T) {
	s := newServer(t)
	var n atomic.Int32
	yesterday := time.Now().Add(-24 * time.Hour)
	c := dial(t, client.Options{
		Addresses: []string{s.addr()}, Token: tokenFor(0, yesterday, 30*time.Minute),
		Refresh: func(context.Context, string) (string, error) {
			return tokenFor(int(n.Add(1)), yesterday, 30*time.Minute), nil
		},
	})
	testkit.Until(t, "one renewal", func() bool { return c.Stats().Renewals == 1 })
	if _, err := c.Send(within(t), "one"); err != nil || n.Load() != 1 {
		t.Fatal(err, n.Load())
	}
}

func TestRefusedTokenEndsTheChatUnlessLoginHelps(t *testing.T) {
	for name, tt := range map[string]struct {
		login func(context.Context) (string, error)
		code  errs.Code
	}{
		"no hook":     {nil, errs.BadToken},
		"hook helps":  {func(context.Context) (string, error) { return "kim.new.1", nil }, ""},
		"hook fails":  {func(context.Context) (string, error) { return "", errs.E(errs.WrongCredentials, "no") }, errs.WrongCredentials},
		"still wrong": {func(context.Context) (string, error) { return "kim.old.2", nil }, errs.BadToken},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			c := dial(t, client.Options{Addresses: []string{s.addr()}, Token: "kim.old.1", Login: tt.login})
			s.set(func(s *server) {
				s.greet = func(h wire.Hello) *wire.Refusal {
					if h.Token == "kim.new.1" {
						return nil
					}
					return &wire.Refusal{Code: "bad_token", Text: "the token is not valid"}
				}
			})
			s.cutAll()
			_, err := c.Send(within(t), "one")
			if errs.CodeOf(err) != tt.code {
				t.Fatalf("%v, want code %q", err, tt.code)
			}
			if tt.code != "" {
				<-c.Done()
				if !errs.Is(c.Err(), tt.code) {
					t.Error(c.Err())
				}
			}
		})
	}
}

func TestDialFailsAtOnceWithTheReason(t *testing.T) {
	s := newServer(t)
	s.greet = func(h wire.Hello) *wire.Refusal { return &wire.Refusal{Code: h.Room, Text: "no"} }
	for _, code := range []errs.Code{errs.BadToken, errs.TokenExpired, errs.BadRequest, errs.RateLimited, errs.Unavailable, errs.Shutdown} {
		_, err := client.Dial(within(t), client.Options{Addresses: []string{s.addr()}, Token: "kim.x.y", Room: string(code)})
		if !errs.Is(err, code) {
			t.Errorf("%s: %v", code, err)
		}
	}
	dead := strings.TrimPrefix(deadURL(t), "http://")
	for name, o := range map[string]client.Options{
		"no address": {Token: "a.b.c"}, "bad address": {Addresses: []string{"host"}, Token: "a.b.c"},
		"bad token": {Addresses: []string{dead}, Token: "a b"}, "bad room": {Addresses: []string{dead}, Token: "a.b.c", Room: "#"},
		"dead": {Addresses: []string{dead}, Token: "a.b.c"},
	} {
		if c, err := client.Dial(within(t), o); err == nil {
			_ = c.Close()
			t.Errorf("%s: no error", name)
		}
	}
}

func TestWhatIsNoChatServerIsUnavailable(t *testing.T) {
	for name, answer := range map[string]string{
		"http": "HTTP/1.1 400 Bad Request\r\n", "plain": "connected.\n", "wrong kind": `{"stored":"x"}` + "\n", "silent": "", "endless": strings.Repeat("x", 64<<10),
	} {
		t.Run(name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			go func() {
				if conn, err := ln.Accept(); err == nil {
					defer conn.Close()
					_, _ = conn.Write([]byte(answer))
					_, _ = conn.Read(make([]byte, 1<<10))
					_, _ = conn.Read(make([]byte, 1))
				}
			}()
			_, err = client.Dial(within(t), client.Options{Addresses: []string{ln.Addr().String()}, Token: "kim.x.y", AnswerTime: 100 * time.Millisecond})
			if c := errs.CodeOf(err); c != errs.Unavailable && c != errs.Timeout && c != errs.TooLong {
				t.Fatalf("%v (%s)", err, c)
			}
		})
	}
}

// TestDeadPeerIsFound lets the server fall silent without closing.
func TestDeadPeerIsFound(t *testing.T) {
	for _, idle := range []bool{true, false} {
		t.Run(fmt.Sprint("idle ", idle), func(t *testing.T) {
			dead, alive := newServer(t), newServer(t)
			c := dial(t, client.Options{
				Addresses: []string{dead.addr(), alive.addr()}, Token: "kim.x.y",
				Keepalive: 30 * time.Millisecond, AnswerTime: 100 * time.Millisecond,
			})
			testkit.Until(t, "a sign of life was asked for", func() bool {
				dead.mu.Lock()
				defer dead.mu.Unlock()
				return len(dead.lines) > 1 && dead.lines[0].Cmd == "/help"
			})
			if c.Stats().Reconnects != 0 {
				t.Fatal("a living server was left")
			}
			dead.set(func(s *server) { s.mute = true })
			if !idle {
				if _, err := c.Send(within(t), "one"); err != nil || len(alive.texts()) != 1 {
					t.Fatal(err, alive.texts())
				}
			}
			testkit.Until(t, "the other server is taken", func() bool { return c.Stats().Reconnects > 0 })
		})
	}
}

// TestWhoGoesOnTalkingFindsADeadPeer: lines that follow do not give the server more
// time to answer the first.
func TestWhoGoesOnTalkingFindsADeadPeer(t *testing.T) {
	dead, alive := newServer(t), newServer(t)
	c := dial(t, client.Options{Addresses: []string{dead.addr(), alive.addr()}, Token: "kim.x.y", AnswerTime: 200 * time.Millisecond})
	dead.set(func(s *server) { s.mute = true })
	talk := time.NewTicker(20 * time.Millisecond)
	defer talk.Stop()
	for begun := time.Now(); c.Stats().Receipts == 0; <-talk.C {
		if err := c.SendAsync("one more", nil); err != nil || time.Since(begun) > 3*time.Second {
			t.Fatalf("%v, after %s nobody has answered", err, time.Since(begun))
		}
	}
}

// A server that answers, but stores nothing, is left for another.
func TestAServerThatStoresNothingIsLeft(t *testing.T) {
	full, well := newServer(t), newServer(t)
	refuse := func(l wire.Line) *wire.Refusal {
		return &wire.Refusal{ID: l.ID, Code: "unavailable", Text: "the chat log cannot be written", RetryMS: 10}
	}
	full.set(func(s *server) { s.refuse = refuse })
	c := dial(t, client.Options{Addresses: []string{full.addr(), well.addr()}, Token: "kim.x.y", AnswerTime: 200 * time.Millisecond})
	if m, err := c.Send(within(t), "one"); err != nil || m.Text != "one" {
		t.Fatal(err)
	}
	if st := c.Stats(); st.Reconnects != 1 {
		t.Errorf("%+v", st)
	}
	alone := dial(t, client.Options{Addresses: []string{full.addr()}, Token: "kim.x.y", AnswerTime: time.Second})
	sent := make(chan error, 1)
	go func() {
		_, err := alone.Send(within(t), "two")
		sent <- err
	}()
	testkit.Until(t, "it has been refused often", func() bool { return alone.Stats().Refused[errs.Unavailable] > 20 })
	full.set(func(s *server) { s.refuse = nil })
	if err := <-sent; err != nil || alone.Stats().Reconnects != 0 {
		t.Errorf("%v, %+v: the only server is not left", err, alone.Stats())
	}
}

func TestSlowConsumerComesBack(t *testing.T) {
	s := newServer(t)
	c := dial(t, client.Options{Addresses: []string{s.addr()}, Token: "kim.x.y"})
	s.set(func(s *server) {
		for p := range s.conns {
			p.say(wire.AppendJSON(nil, wire.Refusal{Code: "slow_consumer", Text: "too slow"}))
			_ = p.Close()
		}
	})
	if _, err := c.Send(within(t), "one"); err != nil {
		t.Fatal(err)
	}
	if st := c.Stats(); st.Refused[errs.SlowConsumer] != 1 || st.Reconnects != 1 {
		t.Fatalf("%+v", st)
	}
}
