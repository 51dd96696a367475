package logger

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/event"
	"chatlab/src/logd"
	"chatlab/src/mtls"
	"chatlab/src/testkit"
	"chatlab/src/testkit/logdtest"
	"chatlab/src/testkit/mtlstest"
)

func fastPace() pace {
	return pace{dial: time.Second, heartbeat: 20 * time.Millisecond, silence: 300 * time.Millisecond, write: 300 * time.Millisecond,
		backoffMin: time.Millisecond, backoffMax: 20 * time.Millisecond, last: time.Second}
}

// running is a logger whose pipe the test holds.
type running struct {
	*Logger
	log  *testkit.Buffer
	feed *io.PipeWriter
	acks ackSink
	sent uint64
	end  func() error
}

// ackSink keeps the last acknowledgement.
type ackSink struct{ atomic.Uint64 }

func (a *ackSink) Write(line []byte) (int, error) {
	n, err := event.ParseAck(line)
	a.Store(n)
	return len(line), err
}

// run runs a logger of chatd.
func run(t *testing.T, dir string, ca *mtlstest.Authority, addrs ...string) *running {
	t.Helper()
	var cfg Config
	cfg.Spool.Dir, cfg.Spool.MaxBytes, cfg.Logd, cfg.TLS = dir, 8<<20, addrs, ca.Files(mtls.ChatdLogger, "chat")
	log, buf := newLog()
	l, err := New(t.Context(), cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	l.pace = fastPace()
	in, feed := io.Pipe()
	done := make(chan error, 1)
	r := &running{Logger: l, log: buf, feed: feed}
	go func() { done <- l.Run(context.Background(), in, &r.acks) }()
	r.end = sync.OnceValue(func() error {
		_ = feed.Close()
		return <-done
	})
	t.Cleanup(func() { _ = r.end() })
	return r
}

func (r *running) send(t *testing.T, all []event.Event) {
	t.Helper()
	for _, line := range linesOf(all) {
		if _, err := io.WriteString(r.feed, line); err != nil {
			t.Fatal(err)
		}
		r.sent++
	}
}

// serveLogd runs a log server, at addr where that is not "".
func serveLogd(t *testing.T, ca *mtlstest.Authority, store logd.Store, addr string) (bound string, stop func()) {
	t.Helper()
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	s, err := logd.Listen(addr, ca.Files(mtls.Logd, "log"), store, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return s.Addr(), stop
}

// serveScript runs a TLS server that does with each connection, in turn, what
// the script says; the last entry is for all further ones.
func serveScript(t *testing.T, ca *mtlstest.Authority, script ...func(c net.Conn, br *bufio.Reader)) string {
	t.Helper()
	config, err := mtls.Server(ca.Files(mtls.Logd, "script"), mtls.ChatdLogger)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	stopped := make(chan struct{})
	conns.Go(func() {
		for i := 0; ; i++ {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			do := script[min(i, len(script)-1)]
			conns.Go(func() {
				defer func() { _ = c.Close() }()
				closing := time.AfterFunc(time.Minute, func() { _ = c.Close() })
				defer closing.Stop()
				go func() {
					<-stopped
					_ = c.Close()
				}()
				do(c, bufio.NewReader(c))
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		close(stopped)
		conns.Wait()
	})
	return ln.Addr().String()
}

func same(t *testing.T, got, want []event.Event) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%d events stored, want %d, in order", len(got), len(want))
	}
}

func TestEventsAreRelayedInOrderAndTheSpoolTrimmed(t *testing.T) {
	ca, store := mtlstest.NewAuthority(t), logdtest.NewMemory()
	addr, _ := serveLogd(t, ca, store, "")
	dir := t.TempDir()
	r := run(t, dir, ca, addr)
	odd := logdtest.Odd()
	for i := range odd {
		odd[i].Server = "chat"
	}
	all := append(events(3000), odd...)
	r.send(t, all)
	r.waitStored(t)
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	same(t, store.All(), all)
	if left, _ := open(t, dir).rest(t); len(left) > 0 {
		t.Fatalf("%d lines left", len(left))
	}
}

func TestEndOfThePipeStillRelaysWhatIsLeft(t *testing.T) {
	ca, store := mtlstest.NewAuthority(t), logdtest.NewMemory()
	addr, _ := serveLogd(t, ca, store, "")
	r := run(t, t.TempDir(), ca, addr)
	all := events(500)
	r.send(t, all)
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	same(t, store.All(), all)
}

func TestBacklogOutlivesLoggersAndLogServers(t *testing.T) {
	ca, store := mtlstest.NewAuthority(t), logdtest.NewMemory()
	addr, stop := serveLogd(t, ca, store, "")
	dir := t.TempDir()
	all := events(900)
	r := run(t, dir, ca, addr)
	r.send(t, all[:300])
	r.waitStored(t)
	stop()
	r.send(t, all[300:600])
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	r = run(t, dir, ca, addr)
	r.send(t, all[600:])
	testkit.Until(t, "the log server is missed", func() bool { return strings.Contains(r.log.String(), "no log server takes events") })
	_, stop = serveLogd(t, ca, store, addr)
	r.waitStored(t)
	stop()
	same(t, store.All(), all)
}

func TestStoreAwayAndBack(t *testing.T) {
	ca, store := mtlstest.NewAuthority(t), logdtest.NewMemory()
	store.SetAway(true)
	addr, _ := serveLogd(t, ca, store, "")
	r := run(t, t.TempDir(), ca, addr)
	all := events(5000)
	r.send(t, all)
	if len(store.All()) > 0 {
		t.Fatal("stored while away")
	}
	store.SetAway(false)
	r.waitStored(t)
	same(t, store.All(), all)
}

func TestNextLogServerIsTried(t *testing.T) {
	ca, store := mtlstest.NewAuthority(t), logdtest.NewMemory()
	good, _ := serveLogd(t, ca, store, "")
	silent := serveScript(t, ca, func(_ net.Conn, br *bufio.Reader) { _, _ = io.Copy(io.Discard, br) })
	mute := serveScript(t, ca, func(c net.Conn, br *bufio.Reader) {
		_, _ = io.WriteString(c, "ack 0\n")
		_, _ = io.Copy(io.Discard, br) // takes lines, says nothing
	})
	busy := serveScript(t, ca, func(c net.Conn, _ *bufio.Reader) {
		_, _ = io.WriteString(c, "error unavailable 0 too many connections\n")
	})
	stranger, _ := serveLogd(t, mtlstest.NewAuthority(t), logdtest.NewMemory(), "")
	for name, bad := range map[string]string{"refusing": "127.0.0.1:1", "mute": mute, "busy": busy, "of another CA": stranger, "silent": silent, "no address": "nowhere"} {
		t.Run(name, func(t *testing.T) {
			r := run(t, t.TempDir(), ca, bad, good)
			e := events(1)
			r.send(t, e)
			r.waitStored(t)
			if stored := store.All(); stored[len(stored)-1] != e[0] {
				t.Fatal("stored another")
			}
		})
	}
}

// acking serves as a log server that keeps what it acknowledges, n lines at a
// time, and does something else after some.
func acking(keep func(string), each, until int, then string) func(net.Conn, *bufio.Reader) {
	return func(c net.Conn, br *bufio.Reader) {
		if _, err := io.WriteString(c, "ack 0\n"); err != nil {
			return
		}
		var lines []string
		for len(lines) < until {
			line, err := br.ReadString('\n')
			if err != nil {
				return
			}
			if line == "\n" {
				continue
			}
			if lines = append(lines, line); len(lines)%each == 0 {
				for _, l := range lines[len(lines)-each:] {
					keep(l)
				}
				if _, err := fmt.Fprintf(c, "ack %d\n", len(lines)); err != nil {
					return
				}
			}
		}
		_, _ = io.WriteString(c, then)
		_, _ = io.Copy(io.Discard, br)
	}
}

func TestBrokenLogServersLoseNothing(t *testing.T) {
	ca := mtlstest.NewAuthority(t)
	for name, then := range map[string]string{
		"falls":            "ack 3\n",
		"claims too much":  "ack 99999999\n",
		"babbles":          "hello\n",
		"says half a line": "ack ",
		"refuses a number": "error bad_event 77777 no\n",
		"never ends":       strings.Repeat("x", 4096),
		"shuts down":       "error shutdown 0 bye\n",
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			stored := map[string]bool{}
			keep := func(line string) {
				mu.Lock()
				defer mu.Unlock()
				stored[line] = true
			}
			addr := serveScript(t, ca, acking(keep, 7, 70, then), acking(keep, 1, 30, then), acking(keep, 1, 1<<30, ""))
			r := run(t, t.TempDir(), ca, addr)
			all := events(2000)
			r.send(t, all)
			r.waitStored(t)
			mu.Lock()
			defer mu.Unlock()
			for _, line := range linesOf(all) {
				if !stored[line] {
					t.Fatalf("lost %q", line)
				}
			}
		})
	}
}

func TestLineThatIsRefusedForGoodHoldsNothingUp(t *testing.T) {
	ca, store := mtlstest.NewAuthority(t), logdtest.NewMemory()
	store.SetRefuse(func(e event.Event) string {
		if strings.HasSuffix(e.Data, "13") {
			return "unlucky"
		}
		return ""
	})
	addr, _ := serveLogd(t, ca, store, "")
	dir := t.TempDir()
	r := run(t, dir, ca, addr)
	all := events(1200)
	r.send(t, all)
	r.waitStored(t)
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	kept := string(read(t, filepath.Join(dir, "rejected")))
	stored := map[event.ID]bool{}
	for _, e := range store.All() {
		stored[e.ID] = true
	}
	for i, e := range all {
		refused := i%100 == 13
		if stored[e.ID] == refused {
			t.Errorf("event %d: stored is %v", i, stored[e.ID])
		}
		if strings.Contains(kept, e.ID.String()) != refused {
			t.Errorf("event %d: set aside is %v", i, !refused)
		}
	}
	if !strings.Contains(kept, "log server: unlucky") || !strings.Contains(r.log.String(), "unlucky") {
		t.Errorf("not reported: %.200s", kept)
	}
}

func TestDamageIsSkippedByTheRelayAndReported(t *testing.T) {
	ca, store := mtlstest.NewAuthority(t), logdtest.NewMemory()
	dir := t.TempDir()
	all := events(50)
	s := open(t, dir)
	s.add(t, linesOf(all)...)
	_ = s.close()
	path := segmentFiles(t, dir)[0]
	content := read(t, path)
	content[len(content)/2] ^= 1
	write(t, path, content)
	addr, _ := serveLogd(t, ca, store, "")
	r := run(t, dir, ca, addr)
	r.waitStored(t)
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	if n := len(store.All()); n != 49 {
		t.Fatalf("%d of 49 stored", n)
	}
	if !strings.Contains(r.log.String(), "spool_bad") {
		t.Fatalf("not reported: %s", r.log)
	}
}

func TestSpoolThatCannotBeReadEndsTheLogger(t *testing.T) {
	ca := mtlstest.NewAuthority(t)
	dir := t.TempDir()
	s := open(t, dir)
	s.add(t, linesOf(events(10))...)
	_ = s.close()
	addr := serveScript(t, ca, acking(func(string) {}, 1, 1<<30, ""))
	var cfg Config
	cfg.Spool.Dir, cfg.Spool.MaxBytes, cfg.Logd, cfg.TLS = dir, minSpool, []string{addr}, ca.Files(mtls.ChatdLogger, "chat")
	log, _ := newLog()
	l, err := New(t.Context(), cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	path := segmentFiles(t, dir)[0]
	write(t, path, read(t, path)[:20])
	in, _ := io.Pipe()
	if err := l.Run(t.Context(), in, io.Discard); err == nil || !strings.Contains(err.Error(), segmentName(1)) {
		t.Fatalf("error %v, want one that names the file", err)
	}
}
