//go:build !fuzz

package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/auth"
	"chatlab/src/chat"
	"chatlab/src/event"
	"chatlab/src/sqlite"
	"chatlab/src/testkit/chattest"
	"chatlab/src/token"
)

// servers are an auth server and a chat server with their real handlers, on a
// database file and a log in memory. The users test1 and test3 have the
// password "secret".
type servers struct {
	auth string // base URL
	chat string // host:port
	ring *token.Ring
	log  *chattest.Memory

	mu   sync.Mutex
	stop func() // ends the chat server that runs now
}

// cleaner is what of testing.TB and of testscript.Env the servers need.
type cleaner interface{ Defer(func()) }

type tbCleaner struct{ testing.TB }

func (c tbCleaner) Defer(f func()) { c.Cleanup(f) }

type noEvents struct{}

func (noEvents) Emit(context.Context, ...event.Event) error { return nil }
func (noEvents) Ready() error                               { return nil }

// start runs both servers until c's end, with the lines a second that one user
// may send.
func start(c cleaner, folder string, burst int) (*servers, error) {
	s := &servers{ring: token.NewRing([]byte("0123456789abcdef0123456789abcdef")), log: chattest.NewMemory()}
	store, err := sqlite.Open(filepath.Join(folder, "users.db"))
	if err == nil {
		err = store.Migrate(context.Background())
	}
	if err != nil {
		return nil, err
	}
	c.Defer(func() { _ = store.Close() })
	svc, err := auth.New(auth.Deps{
		Store: store, Ring: s.ring, Events: noEvents{}, Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
	}, auth.Config{Password: auth.Password{MinLength: 6}, Limits: auth.DefaultLimits(), Params: auth.Params{MemoryKiB: 64, Passes: 1, Lanes: 1}})
	if err != nil {
		return nil, err
	}
	for _, id := range []string{"test1", "test3"} {
		if err := svc.SignUp(context.Background(), "127.0.0.1:1", id, "secret", id+"@example.com"); err != nil {
			return nil, err
		}
	}
	web := httptest.NewServer(svc.Handler())
	c.Defer(web.Close)
	s.auth = web.URL
	if err := s.startChat("127.0.0.1:0", burst); err != nil {
		return nil, err
	}
	c.Defer(func() { s.stopChat() })
	return s, nil
}

func (s *servers) startChat(addr string, burst int) error {
	limits := chat.DefaultLimits()
	limits.Burst = burst
	srv, err := chat.New(chat.Options{
		Listen: addr, Log: s.log, Tokens: s.ring, Limits: limits,
		Metrics: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = srv.Serve(ctx)
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chat, s.stop = srv.Addr(), func() { cancel(); <-ended }
	return nil
}

func (s *servers) stopChat() {
	s.mu.Lock()
	stop := s.stop
	s.mu.Unlock()
	stop()
}

// config is the client's file for these servers.
func (s *servers) config() string {
	return fmt.Sprintf("auth:\n  - %s\nchat:\n  - %s\n", s.auth, s.chat)
}

// stored returns the stored lines, as "user : text".
func (s *servers) stored(t *testing.T) (out []string) {
	t.Helper()
	lines, err := s.log.Tail(context.Background(), "lobby", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range lines {
		out = append(out, spoken(m))
	}
	return out
}

func mustStart(t *testing.T, burst int) *servers {
	t.Helper()
	s, err := start(tbCleaner{t}, t.TempDir(), burst)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
