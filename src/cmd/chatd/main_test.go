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
	"chatlab/src/mtls"
	"chatlab/src/testkit"
	"chatlab/src/testkit/mtlstest"
	"chatlab/src/token"
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
	data      string // folder
	args      []string
	ring      *token.Ring
}

func newLab(t *testing.T) *lab {
	t.Helper()
	return newLabs(t, 1)[0]
}

// newLabs are several of one cluster.
func newLabs(t *testing.T, n int) []*lab {
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
	key := write("jwt.key", token.NewKeyLine())
	ring, err := token.OpenRing(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	routes := testkit.FreeAddrs(t, n)
	var members []string
	for i, a := range routes {
		members = append(members, fmt.Sprintf("test%d %s\n", i, a))
	}
	peers := write("peers", strings.Join(members, ""))
	ca := mtlstest.NewAuthority(t)
	var all []*lab
	for i := range n {
		name := fmt.Sprint("test", i)
		tls := ca.Files(mtls.Chatd, name)
		l := &lab{t: t, addr: testkit.FreeAddr(t), ops: testkit.FreeAddr(t), data: filepath.Join(dir, name), ring: ring}
		spool := write(name+"-logger.yaml", "spool:\n  dir: "+filepath.Join(dir, name+"-spool")+"\nlog_level: error\n")
		config := fmt.Sprintf(`listen: %s
ops: {listen: %s}
log_level: error
node: %s
data_dir: %s
token: {key_file: %s}
logger: {command: %s, config: %s}
limits: {rate: 100000, burst: 100000}
`, l.addr, l.ops, name, l.data, key, logger, spool)
		if n > 1 {
			config += fmt.Sprintf("cluster:\n  listen: %s\n  peers_file: %s\n  ca: %s\n  cert: %s\n  key: %s\n",
				routes[i], peers, tls.CA, tls.Cert, tls.Key)
		}
		l.args = []string{"--config", write(name+".yaml", config)}
		all = append(all, l)
	}
	return all
}

// start runs chatd as a process and waits until it is ready.
func (l *lab) start() *exec.Cmd {
	l.t.Helper()
	cmd := l.begin()
	l.waitReady()
	return cmd
}

func (l *lab) begin() *exec.Cmd {
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
	return cmd
}

func (l *lab) waitReady() {
	l.t.Helper()
	testkit.Until(l.t, "chatd is ready", func() bool {
		resp, err := http.Get("http://" + l.ops + "/readyz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

func TestKilledChatdLosesNoLineAndDoublesNone(t *testing.T) {
	l := newLab(t)
	first := l.start()
	c := converse(t, []*lab{l}, 3, 2000)
	c.progress(500) // in the middle of it
	_ = first.Process.Kill()
	_ = first.Wait()
	l.start()
	c.judge()
	testkit.Until(t, "every line's event is with the logger", func() bool { return l.metric("chatlab_chatlog_events_backlog") == 0 })
}

func TestAKilledLeaderOfAClusterLosesNoLineAndDoublesNone(t *testing.T) {
	labs := newLabs(t, 3)
	var procs []*exec.Cmd
	for _, l := range labs {
		procs = append(procs, l.begin())
	}
	for _, l := range labs {
		l.waitReady()
	}
	c := converse(t, labs, 3, 500)
	c.progress(150)
	leader := slices.IndexFunc(labs, func(l *lab) bool { return l.metric("chatlab_chatlog_leader") == 1 })
	if leader < 0 {
		t.Fatal("nobody leads")
	}
	_ = procs[leader].Process.Kill()
	_ = procs[leader].Wait()
	c.judge() // two of three go on
	labs[leader].start()
	testkit.Until(t, "all three have all again", func() bool {
		return labs[0].metric("chatlab_chatlog_replicas_current") == 3 && labs[0].metric("chatlab_chatlog_replicas_expected") == 3 &&
			labs[0].metric("chatlab_chatlog_members") == 3
	})
	testkit.Until(t, "every line's event is with a logger", func() bool { return labs[0].metric("chatlab_chatlog_events_backlog") == 0 })
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
	// The line may be shown before its sender's session has the receipt.
	testkit.Until(t, "the line is counted", func() bool { return l.metric("chatlab_chat_lines_in_total") == 1 })
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
		"--cluster.peers-file=peers":      "cluster.listen",
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
