package chat_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/chat"
	"chatlab/src/testkit/chattest"
	"chatlab/src/token"
	"chatlab/src/wire"
)

const patience = 20 * time.Second

var ring = token.NewRing([]byte("0123456789abcdef0123456789abcdef"))

// server is a chat server under test.
type server struct {
	t    *testing.T
	addr string
	log  *chattest.Memory
	reg  *prometheus.Registry
	stop func()
}

func newServer(t *testing.T, change func(*chat.Options)) *server {
	t.Helper()
	s := &server{t: t, log: chattest.NewMemory(), reg: prometheus.NewRegistry()}
	o := chat.Options{
		Listen: "127.0.0.1:0", Log: s.log, Tokens: ring, Limits: chat.DefaultLimits(),
		Metrics: s.reg, Logger: slog.New(slog.DiscardHandler),
	}
	o.Limits.Rate, o.Limits.Burst = 1e6, 1e6
	if change != nil {
		change(&o)
	}
	srv, err := chat.New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.addr = srv.Addr()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ctx) }()
	var once sync.Once
	s.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("serve: %v", err)
			}
		})
	}
	t.Cleanup(s.stop)
	return s
}

// metric returns the sum of a counter or gauge over its labels.
func (s *server) metric(name string) float64 {
	s.t.Helper()
	families, err := s.reg.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() == "chatlab_chat_"+name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

func tokenOf(t *testing.T, user string) string {
	t.Helper()
	raw, _, err := ring.Issue(user, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// tokenFor is a token with only a short life left.
func tokenFor(t *testing.T, user string, left time.Duration) string {
	t.Helper()
	raw, _, err := ring.Issue(user, time.Now().Add(left-token.Lifetime))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// peer is a client that speaks the protocol by hand.
type peer struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func (s *server) dial(t *testing.T) *peer {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &peer{t, conn, bufio.NewReaderSize(conn, wire.MaxServerLine+1)}
}

func (p *peer) send(lines ...string) {
	p.t.Helper()
	if _, err := io.WriteString(p.conn, strings.Join(lines, "\n")+"\n"); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) line() string {
	p.t.Helper()
	line, err := p.in.ReadString('\n')
	if err != nil {
		p.t.Fatalf("%v after %q", err, line)
	}
	return strings.TrimSuffix(line, "\n")
}

func (p *peer) want(lines ...string) {
	p.t.Helper()
	for _, want := range lines {
		if got := p.line(); got != want {
			p.t.Fatalf("got  %q\nwant %q", got, want)
		}
	}
}

// wantEnd wants the connection to be closed, with nothing before that.
func (p *peer) wantEnd() {
	p.t.Helper()
	if line, err := p.in.ReadString('\n'); err != io.EOF || line != "" {
		p.t.Fatalf("got %q, %v; want the end", line, err)
	}
}

// wantRefusal wants a refusal, in either form, with a code.
func (p *peer) wantRefusal(code string) wire.Refusal {
	p.t.Helper()
	in := p.next()
	if in.Refusal == nil || in.Refusal.Code != code {
		p.t.Fatalf("got %s, want a refusal with %s", show(in), code)
	}
	return *in.Refusal
}

func (p *peer) next() wire.Incoming {
	p.t.Helper()
	line := p.line()
	in, err := wire.Decode([]byte(line))
	if err != nil {
		p.t.Fatalf("%q: %v", line, err)
	}
	return in
}

func (p *peer) message() wire.Message {
	p.t.Helper()
	in := p.next()
	if in.Message == nil {
		p.t.Fatalf("got %s, want a message", show(in))
	}
	return *in.Message
}

func (p *peer) reply() wire.Reply {
	p.t.Helper()
	in := p.next()
	if in.Reply == nil {
		p.t.Fatalf("got %s, want a reply", show(in))
	}
	return *in.Reply
}

func show(in wire.Incoming) string {
	text, _ := json.Marshal(in)
	return string(text)
}

// plain opens a session in plain mode.
func (s *server) plain(t *testing.T, user string) *peer {
	t.Helper()
	p := s.dial(t)
	p.send(tokenOf(t, user))
	p.want("connected.")
	return p
}

// join opens a session in JSON mode.
func (s *server) join(t *testing.T, user string, resume *uint64) (*peer, wire.Welcome) {
	t.Helper()
	return s.joinRoom(t, user, "", resume)
}

func (s *server) joinRoom(t *testing.T, user, room string, resume *uint64) (*peer, wire.Welcome) {
	t.Helper()
	p := s.dial(t)
	hello, _ := json.Marshal(wire.Hello{Token: tokenOf(t, user), Room: room, Resume: resume})
	p.send(string(hello))
	in := p.next()
	if in.Welcome == nil || !in.Welcome.OK {
		t.Fatalf("got %s, want a welcome", show(in))
	}
	return p, *in.Welcome
}

func (p *peer) say(id, text string) {
	p.t.Helper()
	p.send(strings.TrimSuffix(string(wire.AppendLine(nil, wire.Line{ID: id, Text: text})), "\n"))
}

// fill stores lines as another server of the same log would.
func (s *server) fill(room string, n int) {
	s.t.Helper()
	for i := range n {
		if r := s.log.Publish(s.t.Context(), chat.Draft{Room: room, User: "filler", Text: fmt.Sprint("fill ", i)}); r[0].Err != nil {
			s.t.Error(r[0].Err)
		}
	}
}
