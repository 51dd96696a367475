package logd_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/logd"
	"chatlab/src/mtls"
	"chatlab/src/testkit/logdtest"
	"chatlab/src/testkit/mtlstest"
)

func TestLinesAreStoredInOrderThenAcknowledged(t *testing.T) {
	store := logdtest.NewMemory()
	s := serve(t, store, time.Minute)
	p := s.connect(t)
	if r := p.reply(t); r != (event.Reply{}) {
		t.Fatalf("greeting %+v", r)
	}
	all := some(700)
	p.send(t, text(all[:1])+"\n") // a heartbeat is not counted
	p.waitAck(t, 1)
	p.send(t, text(all[1:]))
	p.waitAck(t, 700)
	if !slices.Equal(store.All(), all) {
		t.Fatal("stored other events, or in another order")
	}
	p.send(t, text(all[:10])+"0/chat/chat/kim/success\n")
	p.waitAck(t, 711)
	if got := store.All(); len(got) != 701 || got[700].Subject != "kim" || got[700].Server != "chat" {
		t.Fatalf("%d events stored", len(got))
	}
	for name, want := range map[string]float64{"received_total": 711, "stored_total": 701, "repeats_total": 10, "lag_seconds": 711, "connections": 1} {
		if got := s.metric(t, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

func TestNewestTellsTheBirthOfTheNewestEventStored(t *testing.T) {
	s := serve(t, logdtest.NewMemory(), time.Minute)
	peers := map[string]*peer{"auth": s.connectAs(t, mtls.AuthdLogger, "auth"), "chat": s.connect(t), "lab": s.connectAs(t, mtls.Operator, "lab")}
	now := time.Now()
	sent := map[string]uint64{}
	for _, step := range []struct {
		server string
		born   time.Time
		want   int64
	}{
		{"auth", now.Add(-time.Minute), now.Add(-time.Minute).Unix()},
		{"auth", now.Add(-time.Hour), now.Add(-time.Minute).Unix()},      // late
		{"auth", now.Add(3 * time.Minute), now.Add(-time.Minute).Unix()}, // of a clock that goes wrong
		{"lab", now, now.Add(-time.Minute).Unix()},
		{"chat", now, now.Add(-time.Minute).Unix()}, // has a value of its own
		{"auth", now.Add(-time.Second), now.Add(-time.Second).Unix()},
	} {
		p := peers[step.server]
		p.send(t, text([]event.Event{{ID: event.NewID(step.born), Server: step.server, Category: "c"}}))
		sent[step.server]++
		p.waitAck(t, sent[step.server])
		if got := s.metric(t, "newest_timestamp_seconds"); int64(got) != step.want { // of auth
			t.Errorf("after %s of %v: %v, want %d", step.server, step.born, got, step.want)
		}
	}
}

func TestLineCutAnywhereIsOneLine(t *testing.T) {
	store := logdtest.NewMemory()
	s := serve(t, store, time.Minute)
	p := s.connect(t)
	e := event.Event{ID: event.NewID(time.Now()), Server: "a", Category: "b", Subject: "%", Data: "/\n"}
	line := string(event.Append(nil, e))
	for i := range line {
		e := some(1)
		line := text(e)
		p.send(t, line[:i])
		p.send(t, line[i:])
		p.waitAck(t, uint64(i+1))
	}
	if n := len(store.All()); n != len(line) {
		t.Fatalf("%d stored, want %d", n, len(line))
	}
}

func TestPeerWithoutTheRightCertificateIsRefused(t *testing.T) {
	store := logdtest.NewMemory()
	s := serve(t, store, time.Second)
	stranger, err := mtls.Client(mtlstest.NewAuthority(t).Files(mtls.ChatdLogger, "chat"), mtls.Logd)
	if err != nil {
		t.Fatal(err)
	}
	stranger.InsecureSkipVerify = true
	old, err := mtls.Client(s.ca.Files(mtls.ChatdLogger, "chat"), mtls.Logd)
	if err != nil {
		t.Fatal(err)
	}
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	for name, config := range map[string]*tls.Config{
		"none": {InsecureSkipVerify: true}, "of another CA": stranger, "TLS 1.2": old,
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := net.Dial("tcp", s.Addr())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = raw.Close() }()
			_ = raw.SetDeadline(time.Now().Add(10 * time.Second))
			c := tls.Client(raw, config)
			_, _ = io.WriteString(c, text(some(1)))
			got, err := io.ReadAll(c)
			if len(got) > 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("answered %q, %v", got, err)
			}
		})
	}
	t.Run("no TLS", func(t *testing.T) {
		c, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(c, text(some(1)))
		if got, err := io.ReadAll(c); strings.Contains(string(got), "ack") || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("answered %q, %v", got, err)
		}
	})
	s.nextIsServed(t)
	if n := len(store.All()); n != 1 {
		t.Fatalf("%d events stored, want the last one", n)
	}
}

func TestBadLineIsRefusedAfterThoseBeforeIt(t *testing.T) {
	tests := map[string]struct {
		line, why string
	}{
		"text":        {"hello\n", "neither"},
		"bad UTF-8":   {"1/65e0703f0102030405060708/a/b/c/%FF\n", "UTF-8"},
		"no ObjectID": {"1/x/a/b/c/d\n", "ObjectID"},
		"too long":    {"0/chat/chat/kim/" + strings.Repeat("x", event.MaxLine) + "\n", "longer than 65536"},
		"10 MiB":      {strings.Repeat("x", 10<<20), "longer than 65536"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			store := logdtest.NewMemory()
			store.SetAway(true)
			s := serve(t, store, time.Minute)
			p := s.connect(t)
			all := some(300)
			p.send(t, text(all))
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				_, _ = io.WriteString(p, tt.line+text(some(5)))
			}()
			<-sent
			store.SetAway(false)
			last, r := p.waitRefusal(t)
			if last != 300 || r.Code != errs.BadEvent || r.Line != 301 || !strings.Contains(r.Text, tt.why) {
				t.Fatalf("after ack %d: %+v", last, r)
			}
			p.waitEnd(t)
			if n := len(store.All()); n != 300 {
				t.Fatalf("%d events stored, want 300", n)
			}
			s.nextIsServed(t)
		})
	}
}

func TestEventThatTheStoreRefusesIsNamed(t *testing.T) {
	store := logdtest.NewMemory()
	store.SetRefuse(func(e event.Event) string {
		if e.Data == "line 7" || e.Data == "line 9" {
			return "not that one"
		}
		return ""
	})
	s := serve(t, store, time.Minute)
	p, other := s.connect(t), s.connect(t)
	p.send(t, text(some(20)))
	other.send(t, text(some(5)))
	last, r := p.waitRefusal(t)
	if last != 7 || r.Line != 8 || r.Code != errs.BadEvent || r.Text != "not that one" {
		t.Fatalf("after ack %d: %+v", last, r)
	}
	p.waitEnd(t)
	other.waitAck(t, 5)
}

func TestNothingIsAcknowledgedWhileTheStoreIsAway(t *testing.T) {
	store := logdtest.NewMemory()
	s := serve(t, store, time.Minute)
	if err := s.Ready(t.Context()); err != nil {
		t.Fatalf("not ready: %v", err)
	}
	store.SetAway(true)
	if err := s.Ready(t.Context()); !errs.Is(err, errs.Unavailable) {
		t.Fatalf("ready: %v, want code unavailable", err)
	}
	p := s.connect(t)
	all := some(100)
	p.send(t, text(all))
	for range 5 { // heartbeats go on
		if r := p.reply(t); r.Ack != 0 || r.Code != "" {
			t.Fatalf("reply %+v", r)
		}
	}
	store.SetAway(false)
	p.waitAck(t, 100)
	if err := s.Ready(t.Context()); err != nil {
		t.Fatalf("not ready again: %v", err)
	}
	if !slices.Equal(store.All(), all) || s.metric(t, "failures_total") == 0 {
		t.Fatal("not stored once, or no failure counted")
	}
}

func TestReadingStopsWhenTooMuchWaits(t *testing.T) {
	store := logdtest.NewMemory()
	store.SetAway(true)
	s := serve(t, store, time.Minute)
	p := s.connect(t)
	go func() { _, _ = io.Copy(io.Discard, p.br) }()
	big := some(1)[0]
	big.Data = strings.Repeat("x", 32<<10)
	line := event.Append(nil, big)
	// The kernel's buffers take some more.
	const limit = logd.MaxInFlight + 32<<20
	_ = p.SetWriteDeadline(time.Now().Add(time.Second))
	sent := 0
	for sent < limit {
		n, err := p.Write(line)
		sent += n
		if err != nil {
			break
		}
	}
	if got := s.metric(t, "received_total") * float64(len(line)); sent >= limit || got > logd.MaxInFlight+1<<20 {
		t.Fatalf("%d bytes sent, %.0f taken", sent, got)
	}
	store.SetAway(false)
	s.nextIsServed(t)
}

func TestSilentPeersAreLeft(t *testing.T) {
	s := serve(t, logdtest.NewMemory(), 500*time.Millisecond)
	for name, first := range map[string]string{"nothing": "", "half a line": "1/65e07", "one line": text(some(1))} {
		t.Run(name, func(t *testing.T) {
			p := s.connect(t)
			p.send(t, first)
			p.waitEnd(t)
		})
	}
	t.Run("no handshake", func(t *testing.T) {
		c, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("not closed")
		}
	})
	s.nextIsServed(t)
}

func TestTooManyConnectionsAreToldSo(t *testing.T) {
	s := serve(t, logdtest.NewMemory(), time.Minute)
	first := s.connect(t)
	first.reply(t)
	for i := range logd.MaxConns - 1 {
		s.connectAs(t, mtls.AuthdLogger, fmt.Sprint("auth", i/logd.MaxOfPeer)).reply(t)
	}
	over := s.connectAs(t, mtls.Operator, "lab")
	if r := over.reply(t); r.Code != errs.Unavailable {
		t.Fatalf("reply %+v, want code unavailable", r)
	}
	over.waitEnd(t)
	_ = first.Close()
	for {
		p := s.connect(t)
		if r := p.reply(t); r.Code == "" {
			break
		}
	}
}

// gate holds up the first insert until it is opened.
type gate struct {
	*logdtest.Memory
	mu    sync.Mutex
	sizes []int
	first chan struct{}
	open  chan struct{}
}

func (g *gate) Insert(ctx context.Context, events []event.Event) (int, error) {
	g.mu.Lock()
	g.sizes = append(g.sizes, len(events))
	n := len(g.sizes)
	g.mu.Unlock()
	if n == 1 {
		close(g.first)
		<-g.open
	}
	return g.Memory.Insert(ctx, events)
}

func TestConnectionsShareBatches(t *testing.T) {
	g := &gate{Memory: logdtest.NewMemory(), first: make(chan struct{}), open: make(chan struct{})}
	s := serve(t, g, time.Minute)
	starter := s.connect(t)
	starter.send(t, text(some(1)))
	<-g.first
	peers := make([]*peer, 10)
	for i := range peers {
		peers[i] = s.connectAs(t, mtls.ChatdLogger, fmt.Sprint("chat", i))
		peers[i].send(t, text(some(20)))
	}
	for s.metric(t, "received_total") < 201 {
		if t.Context().Err() != nil {
			t.FailNow()
		}
	}
	close(g.open)
	for _, p := range peers {
		p.waitAck(t, 20)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.sizes) > 4 {
		t.Fatalf("batches of %v events, want few", g.sizes)
	}
}

func TestATrickleIsStoredInFewBatches(t *testing.T) {
	const pause = 100 * time.Millisecond
	s := serve(t, logdtest.NewMemory(), time.Minute, func(s *logd.Server) { s.Gathering(pause) })
	p := s.connect(t)
	began := time.Now()
	for i := range 60 {
		p.send(t, text(some(1)))
		for s.metric(t, "received_total") < float64(i+1) {
			if t.Context().Err() != nil {
				t.FailNow()
			}
		}
	}
	p.waitAck(t, 60)
	most := 2 + float64(time.Since(began)/pause)
	if got := s.metric(t, "batches_total"); got > most {
		t.Errorf("%v batches in %s, want at most %v", got, time.Since(began), most)
	}
}

func TestStopEndsConnectionsThoughTheStoreIsAway(t *testing.T) {
	store := logdtest.NewMemory()
	store.SetAway(true)
	s := serve(t, store, time.Minute)
	p := s.connect(t)
	p.send(t, text(some(10)))
	p.reply(t)
	s.stop()
	p.waitEnd(t)
}

func TestMistakesInTheConfiguration(t *testing.T) {
	log, files := slog.New(slog.DiscardHandler), mtlstest.NewAuthority(t).Files(mtls.Logd, "log")
	if _, err := logd.Listen("127.0.0.1:0", mtls.Files{}, logdtest.NewMemory(), log, prometheus.NewRegistry()); !errs.Is(err, errs.Usage) {
		t.Errorf("no certificate: %v, want code usage", err)
	}
	if _, err := logd.Listen("nowhere", files, logdtest.NewMemory(), log, prometheus.NewRegistry()); !errs.Is(err, errs.Usage) {
		t.Errorf("no address: %v, want code usage", err)
	}
}
