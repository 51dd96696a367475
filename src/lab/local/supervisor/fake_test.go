package supervisor_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"chatlab/src/lab"
	"chatlab/src/lab/local/supervisor"
	"chatlab/src/testkit"
)

// TestMain lets the test binary play the daemons and the supervisor itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "fake" {
		os.Exit(fake(os.Args[2], os.Args[3:]))
	}
	// A program with the race detector waits a second before it ends.
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0")
	os.Exit(m.Run())
}

// fake is a program that does as it is told by its flags.
func fake(kind string, args []string) int {
	fs := flag.NewFlagSet(kind, flag.ContinueOnError)
	dir := fs.String("dir", "", "supervisor's folder")
	ops := fs.String("ops", "", "listen there and be ready")
	trace := fs.String("trace", "", "file for what happens")
	name := fs.String("name", "", "name in the trace")
	orphan := fs.Bool("orphan", false, "start a child that outlives this one")
	deaf := fs.Bool("deaf", false, "ignore SIGTERM")
	if fs.Parse(args) != nil {
		return 2
	}
	stop, end := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer end()
	if *deaf {
		stop = context.Background()
	}
	switch kind {
	case "supervisor":
		if err := supervisor.Run(stop, *dir, slog.New(slog.NewTextHandler(os.Stderr, nil))); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	case "crash":
		return 2
	case "idle":
		<-make(chan int)
	}
	if *orphan {
		if err := exec.Command(os.Args[0], "fake", "idle", "--name", *name).Start(); err != nil {
			return 1
		}
	}
	ln, err := net.Listen("tcp", *ops)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	go http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ready") }))
	note(*trace, "start "+*name)
	<-stop.Done()
	note(*trace, "stop "+*name)
	return 0
}

func note(path, line string) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		fmt.Fprintln(f, line)
		f.Close()
	}
}

// rig is a supervisor of fake services, in a process of its own.
type rig struct {
	t     *testing.T
	dir   string
	trace string
	plan  supervisor.Plan
	cmd   *exec.Cmd
	ended chan error
}

func newRig(t *testing.T) *rig {
	t.Helper()
	dir := t.TempDir()
	return &rig{t: t, dir: dir, trace: filepath.Join(dir, "trace")}
}

// add adds a fake service.
func (r *rig) add(name string, after []string, flags ...string) supervisor.Service {
	r.t.Helper()
	ops := testkit.FreeAddr(r.t)
	argv := append([]string{os.Args[0], "fake", "serve", "--name", name, "--ops", ops, "--trace", r.trace}, flags...)
	svc := supervisor.Service{
		Node: "n", Name: name, Address: ops, Ops: ops, After: after,
		Argv: argv, Log: filepath.Join(r.dir, name+".log"),
	}
	r.plan.Services = append(r.plan.Services, svc)
	return svc
}

// start starts the supervisor and returns when it takes orders.
func (r *rig) start() {
	r.t.Helper()
	if err := r.plan.Save(r.dir); err != nil {
		r.t.Fatal(err)
	}
	r.cmd = exec.Command(os.Args[0], "fake", "supervisor", "--dir", r.dir)
	r.cmd.Env = append(os.Environ(), supervisor.Mark(r.dir))
	r.cmd.Stderr = logWriter{r.t}
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	cmd, gone := r.cmd, make(chan struct{})
	r.ended = make(chan error, 1)
	go func() { r.ended <- cmd.Wait(); close(gone) }()
	r.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-gone // or it starts a service once more
		if _, err := supervisor.KillMarked(r.dir); err != nil {
			r.t.Error(err)
		}
	})
	testkit.Until(r.t, "the supervisor answers", func() bool {
		_, _, err := supervisor.Ask(r.t.Context(), r.dir, false)
		return err == nil
	})
}

// service returns the state of one service.
func (r *rig) service(name string) supervisor.Status {
	rows, _, err := supervisor.Ask(r.t.Context(), r.dir, true)
	if err != nil {
		return supervisor.Status{}
	}
	for _, row := range rows {
		if row.Service == name {
			return row
		}
	}
	return supervisor.Status{}
}

func (r *rig) untilState(name string, want lab.State) supervisor.Status {
	r.t.Helper()
	var s supervisor.Status
	testkit.Until(r.t, fmt.Sprintf("%s is %s", name, want), func() bool { s = r.service(name); return s.State == want })
	return s
}

// lines returns the trace so far.
func (r *rig) lines() []string {
	text, _ := os.ReadFile(r.trace)
	return strings.Fields(strings.ReplaceAll(string(text), " ", "-"))
}

// logWriter passes a process's output to the test's log.
type logWriter struct{ t *testing.T }

func (w logWriter) Write(b []byte) (int, error) {
	for lines := bufio.NewScanner(strings.NewReader(string(b))); lines.Scan(); {
		_, _ = io.WriteString(w.t.Output(), lines.Text()+"\n")
	}
	return len(b), nil
}
