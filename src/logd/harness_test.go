package logd_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/event"
	"chatlab/src/logd"
	"chatlab/src/mtls"
	"chatlab/src/testkit"
	"chatlab/src/testkit/mtlstest"
)

type server struct {
	*logd.Server
	ca   *mtlstest.Authority
	reg  *prometheus.Registry
	said testkit.Buffer // the server's log
	stop func()
}

func serve(t *testing.T, store logd.Store, silence time.Duration, change ...func(*logd.Server)) *server {
	t.Helper()
	s := &server{ca: mtlstest.NewAuthority(t), reg: prometheus.NewRegistry()}
	var err error
	s.Server, err = logd.Listen("127.0.0.1:0", s.ca.Files(mtls.Logd, "log"), store, slog.New(slog.NewTextHandler(&s.said, nil)), s.reg)
	if err != nil {
		t.Fatal(err)
	}
	s.Hasten(20*time.Millisecond, silence)
	for _, c := range change {
		c(s.Server)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(s.stop)
	return s
}

// peer is a logger's side of a connection.
type peer struct {
	*tls.Conn
	br *bufio.Reader
}

// connect connects as the logger of chatd.
func (s *server) connect(t *testing.T) *peer {
	t.Helper()
	return s.connectAs(t, mtls.ChatdLogger, "chat")
}

func (s *server) connectAs(t *testing.T, role mtls.Role, node string) *peer {
	t.Helper()
	config, err := mtls.Client(s.ca.Files(role, node), mtls.Logd)
	if err != nil {
		t.Fatal(err)
	}
	c, err := tls.Dial("tcp", s.Addr(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &peer{c, bufio.NewReader(c)}
}

func (p *peer) send(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(p, text); err != nil {
		t.Fatal(err)
	}
}

func (p *peer) reply(t *testing.T) event.Reply {
	t.Helper()
	line, err := p.br.ReadString('\n')
	if err != nil {
		t.Fatalf("no reply: %v", err)
	}
	r, err := event.ParseReply([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// waitAck reads replies up to an acknowledgement of n lines.
func (p *peer) waitAck(t *testing.T, n uint64) {
	t.Helper()
	for {
		r := p.reply(t)
		if r.Code != "" || r.Ack > n {
			t.Fatalf("reply %+v, want ack %d", r, n)
		}
		if r.Ack == n {
			return
		}
	}
}

// waitRefusal reads replies up to a refusal.
func (p *peer) waitRefusal(t *testing.T) (last uint64, refusal event.Reply) {
	t.Helper()
	for {
		r := p.reply(t)
		if r.Code != "" {
			return last, r
		}
		last = r.Ack
	}
}

// waitEnd reads up to the end of the connection.
func (p *peer) waitEnd(t *testing.T) {
	t.Helper()
	if _, err := io.Copy(io.Discard, p.br); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the connection was not closed")
	}
}

func some(n int) []event.Event {
	all := make([]event.Event, n)
	for i := range all {
		all[i] = event.Event{ID: event.NewID(time.Now()), Server: "chat", Category: "chat", Subject: "kim", Data: fmt.Sprint("line ", i)}
	}
	return all
}

func text(all []event.Event) string {
	var b []byte
	for _, e := range all {
		b = event.Append(b, e)
	}
	return string(b)
}

func (s *server) metric(t *testing.T, name string) float64 {
	t.Helper()
	families, err := s.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "chatlab_logd_"+name {
			m := f.GetMetric()[0]
			return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// nextIsServed shows that a server goes on after what a test did to it.
func (s *server) nextIsServed(t *testing.T) {
	t.Helper()
	p := s.connect(t)
	p.send(t, text(some(1)))
	p.waitAck(t, 1)
}
