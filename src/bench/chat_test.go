//go:build bench

package bench

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chatlab/src/testkit"
	"chatlab/src/token"
	"chatlab/src/wire"
)

// The load, the same for chatd and the loop.
const (
	chatTurns   = 7   // of each server
	chatSenders = 8   // of the readers
	burstLines  = 250 // that each sender sends at once; all are read before the next burst
	steadyRate  = 200 // lines a second
	steadyFor   = 4 * time.Second
	chatText    = "%019d this is what people say in a chat room"
)

// TestChatBurst: lines delivered for a second of processor time when many come
// at once, beside a loop with a queue for each connection. What a processor does
// in a second varies by a third from one moment to the next where others use it
// too, so the two take turns and their medians are compared.
func TestChatBurst(t *testing.T) {
	for _, load := range []struct{ readers, bursts int }{{200, 8}, {1000, 3}} {
		name := fmt.Sprintf("chat burst, %d readers", load.readers)
		rates := map[string][]float64{}
		for range chatTurns {
			for _, server := range []string{"loop", "chatd"} {
				rates[server] = append(rates[server], burstRate(t, server, load.readers, load.bursts))
			}
		}
		t.Logf("%s: loop %.2f, chatd %.2f", name, rates["loop"], rates["chatd"])
		loop, chatd := median(rates["loop"]), median(rates["chatd"])
		row(t, name+": loop", loop, "M lines/CPU-s", "-", true)
		row(t, name+": chatd", chatd, "M lines/CPU-s", "-", true)
		row(t, name+": chatd over loop", chatd/loop, "", ">= 1.0", chatd >= loop)
	}
}

// burstRate starts a server and returns millions of lines delivered for a second
// of its processor time.
func burstRate(t *testing.T, server string, readers, bursts int) float64 {
	t.Helper()
	s := startChat(t, server)
	defer s.stop()
	c := s.connect(t, readers)
	defer c.close()
	c.burst(t, 1) // warm: connections, buffers, log
	before := cpuTime(t, s.pid)
	lines := c.burst(t, bursts)
	return float64(lines) / (cpuTime(t, s.pid) - before).Seconds() / 1e6
}

func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}

// TestChatSteady: the same at a steady rate, with the delay from sender to
// reader.
func TestChatSteady(t *testing.T) {
	const readers = 500
	rate, p99 := map[string]float64{}, map[string]float64{}
	for _, server := range []string{"loop", "chatd"} {
		s := startChat(t, server)
		c := s.connect(t, readers)
		c.burst(t, 1)
		before := cpuTime(t, s.pid)
		lines, delays := c.steady(t)
		rate[server] = float64(lines) / (cpuTime(t, s.pid) - before).Seconds() / 1e6
		slices.Sort(delays)
		p99[server] = delays[len(delays)*99/100].Seconds() * 1e3
		t.Logf("%s: median %s, worst %s", server, delays[len(delays)/2], delays[len(delays)-1])
		c.close()
		s.stop()
	}
	const name = "chat 200 lines/s to 500 readers"
	row(t, name+": loop", rate["loop"], "M lines/CPU-s", "-", true)
	row(t, name+": chatd", rate["chatd"], "M lines/CPU-s", ">= loop", rate["chatd"] >= rate["loop"])
	row(t, name+": loop, p99", p99["loop"], "ms", "-", true)
	limit := max(p99["loop"], 19) // what the loop gives on an idle machine of this size
	row(t, name+": chatd, p99", p99["chatd"], "ms", fmt.Sprintf("<= %.0f", limit), p99["chatd"] <= limit)
}

// TestChatIdleMemory: what an authorised connection costs that says nothing.
func TestChatIdleMemory(t *testing.T) {
	const idle = 3000
	s := startChat(t, "chatd")
	warm := s.connect(t, 10)
	warm.burst(t, 1)
	warm.close()
	before := residentBytes(t, s.pid)
	c := s.connect(t, idle)
	each := float64(residentBytes(t, s.pid)-before) / idle / 1024
	row(t, "chat memory of an idle connection, at 3,000", each, "KiB", "<= 12", each <= 12)
	c.close()
}

// chatServer is a server under load, a process of its own.
type chatServer struct {
	addr string
	ops  string
	pid  int
	stop func()
	ring *token.Ring
	loop bool
}

func startChat(t *testing.T, which string) *chatServer {
	t.Helper()
	if which == "loop" {
		return startLoop(t)
	}
	s := beginChat(t, "bench", writeFile(t, "jwt.key", token.NewKeyLine()))
	s.awaitReady(t)
	return s
}

// beginChat starts a chatd of the given name, with further flags.
func beginChat(t *testing.T, node, keyFile string, flags ...string) *chatServer {
	t.Helper()
	dir := t.TempDir()
	ring, err := token.OpenRing(keyFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	spool := writeFile(t, "logger.yaml", "spool:\n  dir: "+filepath.Join(dir, "spool")+"\nlog_level: error\n")
	addr, ops := testkit.FreeAddr(t), testkit.FreeAddr(t)
	cmd := exec.Command(binary(t, "chatd"), append(flags, "--listen="+addr, "--ops.listen="+ops, "--node="+node, "--log-level=warn",
		"--data-dir="+filepath.Join(dir, "data"), "--token.key-file="+keyFile, "--logger.command="+binary(t, "logger"),
		"--logger.config="+spool, "--limits.rate=1e6", "--limits.burst=1000000", "--limits.per-address=100000")...)
	cmd.Env = append(os.Environ(), "GOGC=200") // as its unit has it
	start(t, cmd)
	return &chatServer{addr: addr, ops: ops, pid: cmd.Process.Pid, ring: ring, stop: func() { stopProcess(t, cmd) }}
}

func (s *chatServer) awaitReady(t *testing.T) {
	t.Helper()
	waitFor(t, "http://"+s.ops+"/readyz")
}

// writeFile writes a file of a test's own, and returns its path.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// crowd is a number of connections to a server, all of which read.
type crowd struct {
	conns   []net.Conn
	got     atomic.Int64 // lines, all connections together
	changed chan struct{}
	delays  [][]time.Duration // a slice a connection; nil while not measured
	measure atomic.Bool
	lineID  int
	loop    bool // the server shows what it is given
	reading sync.WaitGroup
}

func (s *chatServer) connect(t *testing.T, n int) *crowd {
	t.Helper()
	return connect(t, n, s)
}

// connect makes n connections, spread over servers.
func connect(t *testing.T, n int, servers ...*chatServer) *crowd {
	t.Helper()
	c := &crowd{changed: make(chan struct{}, 1), delays: make([][]time.Duration, n), loop: servers[0].loop}
	for i := range n {
		s := servers[i%len(servers)]
		raw, _, err := s.ring.Issue(fmt.Sprint("user", i), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		hello := wire.AppendJSON(nil, wire.Hello{Token: raw})
		if _, err := conn.Write(hello); err != nil {
			t.Fatal(err)
		}
		welcome, err := readLine(conn)
		if err != nil || !strings.HasPrefix(welcome, `{"ok":true`) {
			t.Fatalf("welcome %d: %q, %v", i, welcome, err)
		}
		c.conns = append(c.conns, conn)
		c.reading.Go(func() { c.read(conn, i) })
	}
	return c
}

// readLine reads a line byte by byte, so that nothing after it is taken.
func readLine(conn net.Conn) (string, error) {
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	defer func() { _ = conn.SetReadDeadline(time.Time{}) }()
	var line []byte
	for one := make([]byte, 1); ; line = append(line, one[0]) {
		if _, err := io.ReadFull(conn, one); err != nil || one[0] == '\n' {
			return string(line), err
		}
	}
}

// read counts lines, and takes their delays while they are measured.
func (c *crowd) read(conn net.Conn, i int) {
	buf := make([]byte, 16<<10)
	held := 0
	for {
		n, err := conn.Read(buf[held:])
		if err != nil {
			return
		}
		part := buf[:held+n]
		whole := bytes.LastIndexByte(part, '\n') + 1
		if lines := bytes.Count(part[:whole], []byte{'\n'}); lines > 0 {
			if c.measure.Load() {
				c.take(part[:whole], i)
			}
			c.got.Add(int64(lines))
			select {
			case c.changed <- struct{}{}:
			default:
			}
		}
		held = copy(buf, part[whole:])
	}
}

func (c *crowd) take(lines []byte, i int) {
	now := time.Now().UnixNano()
	for {
		at := bytes.Index(lines, []byte(`"text":"`))
		if at < 0 {
			return
		}
		lines = lines[at+8:]
		sent, err := strconv.ParseInt(string(lines[:19]), 10, 64)
		if err == nil {
			c.delays[i] = append(c.delays[i], time.Duration(now-sent))
		}
	}
}

// lines makes lines for one sender. The loop shows what it is given, so it is
// given lines as chatd makes them.
func (c *crowd) lines(sender, n int) []byte {
	var out []byte
	for range n {
		c.lineID++
		now := time.Now()
		m := wire.Message{
			Seq: 1e6, Time: now, Room: wire.Lobby, User: fmt.Sprint("user", sender),
			Text: fmt.Sprintf(chatText, now.UnixNano()), ID: fmt.Sprint("id-", c.lineID),
		}
		if c.loop {
			out = wire.AppendMessage(out, m)
		} else {
			out = wire.AppendLine(out, wire.Line{ID: m.ID, Text: m.Text})
		}
	}
	return out
}

// burst sends bursts from several senders at once, waits until everyone has read
// each, and returns the lines delivered.
func (c *crowd) burst(t *testing.T, times int) int64 {
	t.Helper()
	begin := c.got.Load()
	for k := range times {
		for i := range chatSenders {
			data := c.lines(i, burstLines)
			go func() { _, _ = c.conns[i].Write(data) }()
		}
		c.await(t, begin+int64(k+1)*chatSenders*burstLines*int64(len(c.conns)))
	}
	return c.got.Load() - begin
}

// steady sends lines at a steady rate and returns how many were delivered and
// how late each was.
func (c *crowd) steady(t *testing.T) (int64, []time.Duration) {
	t.Helper()
	begin := c.got.Load()
	c.measure.Store(true)
	tick := time.NewTicker(time.Second / steadyRate)
	defer tick.Stop()
	n := int(steadyFor.Seconds() * steadyRate)
	for k := range n {
		<-tick.C
		sender := k % chatSenders
		if _, err := c.conns[sender].Write(c.lines(sender, 1)); err != nil {
			t.Fatal(err)
		}
	}
	c.await(t, begin+int64(n*len(c.conns)))
	c.measure.Store(false)
	return c.got.Load() - begin, slices.Concat(c.delays...)
}

func (c *crowd) await(t *testing.T, lines int64) {
	t.Helper()
	limit := time.After(60 * time.Second)
	for c.got.Load() < lines {
		select {
		case <-c.changed:
		case <-limit:
			t.Fatalf("%d lines of %d came", c.got.Load(), lines)
		}
	}
}

func (c *crowd) close() {
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.reading.Wait()
}

// waitFor waits until a URL answers 200.
func waitFor(t *testing.T, url string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	for {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s is not ready", url)
		}
		if resp, err := http.Get(url); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
	}
}

// stopProcess ends a program and waits for it.
func stopProcess(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	_ = cmd.Process.Signal(os.Interrupt)
	_, _ = cmd.Process.Wait()
}
