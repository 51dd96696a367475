package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chatlab/src/app"
	"chatlab/src/errs"
	"chatlab/src/token"
	"chatlab/src/wire"
)

const patience = 30 * time.Second

// TestMain makes the test binary a chatd when it is told so.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_RUN_CHATD") != "" {
		_ = os.Unsetenv("TEST_RUN_CHATD")
		os.Exit(app.Main("chatd", run))
	}
	os.Exit(m.Run())
}

// lab is what a chatd needs, on fixed addresses so that it can be restarted.
type lab struct {
	t         *testing.T
	addr, ops string
	args      []string
	ring      *token.Ring
}

func newLab(t *testing.T) *lab {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	logger := filepath.Join(dir, "logger")
	if out, err := exec.Command("go", "build", "-o", logger, "chatlab/src/cmd/logger").CombinedOutput(); err != nil {
		t.Fatalf("build logger: %v\n%s", err, out)
	}
	l := &lab{t: t, addr: freeAddress(t), ops: freeAddress(t)}
	key := write("jwt.key", token.NewKeyLine())
	spool := write("logger.yaml", "spool:\n  dir: "+filepath.Join(dir, "spool")+"\nlog_level: error\n")
	config := write("chatd.yaml", fmt.Sprintf(`listen: %s
ops: {listen: %s}
log_level: warn
node: test
data_dir: %s
token: {key_file: %s}
logger: {command: %s, config: %s}
limits: {rate: 100000, burst: 100000}
`, l.addr, l.ops, filepath.Join(dir, "data"), key, logger, spool))
	l.args = []string{"--config", config}
	var err error
	if l.ring, err = token.OpenRing(key, nil); err != nil {
		t.Fatal(err)
	}
	return l
}

func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// start runs chatd as a process and waits until it is ready.
func (l *lab) start() *exec.Cmd {
	l.t.Helper()
	cmd := exec.Command(os.Args[0], l.args...)
	cmd.Env = append(os.Environ(), "TEST_RUN_CHATD=1")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() {
		// Not killed: its logger ends with it only when it ends its logger.
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	l.waitReady()
	return cmd
}

func (l *lab) waitReady() {
	l.t.Helper()
	until(l.t, "chatd is ready", func() bool {
		resp, err := http.Get("http://" + l.ops + "/readyz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("not so in time: %s", what)
		}
	}
}

// user is a client that reconnects, resumes, and sends again what has no
// receipt.
type user struct {
	lab  *lab
	name string
	last *uint64
	seen []wire.Message
	todo []wire.Line // without receipt
}

// session runs until all of want lines were seen or the connection breaks. It
// tells whether all were seen.
func (u *user) session(want int, progress chan<- struct{}) (bool, error) {
	conn, err := net.Dial("tcp", u.lab.addr)
	if err != nil {
		return false, nil // not up yet
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	raw, _, err := u.lab.ring.Issue(u.name, time.Now())
	if err != nil {
		return false, err
	}
	out := wire.AppendJSON(nil, wire.Hello{Token: raw, Resume: u.last})
	for _, line := range u.todo {
		out = wire.AppendLine(out, line)
	}
	go func() { _, _ = conn.Write(out) }()
	in := bufio.NewReader(conn)
	for len(u.seen) < want || len(u.todo) > 0 {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return false, nil // cut: connect again
		}
		if err := u.take(line); err != nil {
			return false, err
		}
		select {
		case progress <- struct{}{}:
		default:
		}
	}
	return true, nil
}

func (u *user) take(line []byte) error {
	in, err := wire.Decode(line)
	switch {
	case err != nil:
		return err
	case in.Welcome != nil:
		u.last = &in.Welcome.Seq
	case in.Stored != nil:
		u.receipt(in.Stored.ID)
	case in.Message != nil:
		if in.Message.Seq <= *u.last {
			return fmt.Errorf("%s: line %d comes after line %d", u.name, in.Message.Seq, *u.last)
		}
		u.last = &in.Message.Seq
		u.seen = append(u.seen, *in.Message)
		if in.Message.User == u.name {
			u.receipt(in.Message.ID)
		}
	case in.Refusal != nil && in.Refusal.Code != string(errs.Shutdown) && in.Refusal.Code != string(errs.Unavailable):
		return fmt.Errorf("%s: %+v", u.name, *in.Refusal)
	}
	return nil
}

func (u *user) receipt(id string) {
	u.todo = slices.DeleteFunc(u.todo, func(l wire.Line) bool { return l.ID == id })
}

func TestKilledChatdLosesNoLineAndDoublesNone(t *testing.T) {
	const users, each = 3, 2000
	l := newLab(t)
	first := l.start()
	progress := make(chan struct{}, users*each)
	ended := make(chan error, users)
	var all []*user
	for i := range users {
		u := &user{lab: l, name: fmt.Sprint("user", i), last: new(uint64)}
		for k := range each {
			u.todo = append(u.todo, wire.Line{ID: fmt.Sprint("id", k), Text: fmt.Sprint("line ", k)})
		}
		all = append(all, u)
		go func() {
			for deadline := time.Now().Add(patience); ; {
				done, err := u.session(users*each, progress)
				if done || err != nil {
					ended <- err
					return
				}
				if time.Now().After(deadline) {
					ended <- fmt.Errorf("%s: %d lines seen, %d without receipt", u.name, len(u.seen), len(u.todo))
					return
				}
			}
		}()
	}
	for range 500 { // in the middle of it
		<-progress
	}
	_ = first.Process.Kill()
	_ = first.Wait()
	l.start()
	for range users {
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
	said := map[string]bool{}
	for _, m := range all[0].seen {
		said[m.User+m.Text] = true
	}
	if len(said) != users*each {
		t.Errorf("%d different lines, want %d", len(said), users*each)
	}
	for _, u := range all {
		if !slices.Equal(u.seen, all[0].seen) {
			t.Errorf("%s saw other lines, or another order, than user0", u.name)
		}
	}
	until(t, "every line's event is with the logger", func() bool { return l.metric("chatlab_chatlog_events_backlog") == 0 })
}

// metric reads one value without labels from /metrics, -1 if it is not there.
func (l *lab) metric(name string) float64 {
	l.t.Helper()
	resp, err := http.Get("http://" + l.ops + "/metrics")
	if err != nil {
		l.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, _ := io.ReadAll(resp.Body)
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			var v float64
			if json.Unmarshal([]byte(rest), &v) == nil {
				return v
			}
		}
	}
	return -1
}

func TestRunServesAndStops(t *testing.T) {
	l := newLab(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var stderr strings.Builder
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, &app.Env{Name: "chatd", Args: l.args, Stdout: io.Discard, Stderr: &stderr})
	}()
	l.waitReady()
	conn, err := net.Dial("tcp", l.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	raw, _, _ := l.ring.Issue("test1", time.Now())
	_, _ = io.WriteString(conn, raw+"\ndk\n")
	in := bufio.NewReader(conn)
	for _, want := range []string{"connected.\n", "test1 : dk\n"} {
		if line, err := in.ReadString('\n'); line != want {
			t.Fatalf("got %q, %v; want %q", line, err, want)
		}
	}
	if v := l.metric("chatlab_chat_lines_in_total"); v != 1 {
		t.Errorf("lines_in = %v", v)
	}
	cancel()
	if rest, err := io.ReadAll(in); err != nil || !strings.HasPrefix(string(rest), "error: shutdown: ") {
		t.Errorf("at the end: %q, %v", rest, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestBadConfigurationIsNamed(t *testing.T) {
	for flag, want := range map[string]string{
		"--limits.rate=0":                 "limits.rate",
		"--limits.events-backlog=-1":      "events_backlog",
		"--data-dir=":                     "data_dir",
		"--nonsense=1":                    "nonsense",
		"--token.key-file=/nonexistent":   "key file",
		"--config=/nonexistent/chatd.yml": "/nonexistent/chatd.yml",
	} {
		env := &app.Env{Name: "chatd", Args: []string{flag}, Stdout: io.Discard, Stderr: io.Discard}
		if err := run(context.Background(), env); !errs.Is(err, errs.Usage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}
