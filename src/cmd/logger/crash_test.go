package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/app"
	"chatlab/src/event"
	"chatlab/src/ferret"
	"chatlab/src/mongodb"
	"chatlab/src/mtls"
	"chatlab/src/testkit"
	"chatlab/src/testkit/mtlstest"
)

// emitPace is between two events of one goroutine. Unbounded, a fast machine
// makes more of them in the test's time than the embedded database, with the
// race detector, stores in a minute.
const emitPace = 10 * time.Millisecond

// emit is a server: it emits labelled events from several goroutines until its
// input ends, and prints the label of each once it is durable.
func emit(ctx context.Context, env *app.Env) error {
	em := event.NewEmitter(event.LoggerConfig{Command: env.Args[0], Config: env.Args[1], Timeout: 10 * time.Second},
		slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	runCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- em.Run(runCtx) }()
	emitCtx, over := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, env.Stdin)
		over()
	}()
	var emitting sync.WaitGroup
	for g := range 8 {
		emitting.Go(func() {
			pace := time.NewTicker(emitPace)
			defer pace.Stop()
			for i := 0; emitCtx.Err() == nil; i++ {
				<-pace.C
				label := fmt.Sprintf("%d-%d-%d", os.Getpid(), g, i)
				e := event.Event{ID: event.NewID(time.Now()), Server: "chat", Category: "chat", Subject: "kim", Data: label}
				for em.Emit(context.WithoutCancel(ctx), e) != nil && emitCtx.Err() == nil {
				}
				_, _ = fmt.Fprintln(env.Stdout, label)
			}
		})
	}
	emitting.Wait()
	stop()
	return <-done
}

// world is a server with its logger, a log server, and a database.
type world struct {
	t       *testing.T
	dir     string
	logdBin string
	logdArg []string
	config  string

	mu      sync.Mutex
	emitter *exec.Cmd
	feed    io.Closer
	logd    *exec.Cmd
	durable map[string]bool
	reading sync.WaitGroup
}

// enough is how many events a run has to make durable to prove something.
const enough = 100

// count returns how many events are durable.
func (w *world) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.durable)
}

func (w *world) startLogd() {
	w.t.Helper()
	w.logd = exec.Command(w.logdBin, w.logdArg...)
	w.logd.Stderr = w.t.Output()
	if err := w.logd.Start(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) startEmitter() {
	w.t.Helper()
	w.emitter = exec.Command(os.Args[0], filepath.Join(w.dir, "logger"), w.config)
	w.emitter.Env = append(os.Environ(), "TEST_ROLE=emitter", "GORACE=atexit_sleep_ms=0")
	w.emitter.Stderr = w.t.Output()
	feed, err := w.emitter.StdinPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	w.feed = feed
	out, err := w.emitter.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.emitter.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.reading.Go(func() {
		for lines := bufio.NewReader(out); ; {
			label, err := lines.ReadString('\n')
			if err != nil {
				return // half a label was not said
			}
			w.mu.Lock()
			w.durable[strings.TrimSuffix(label, "\n")] = true
			w.mu.Unlock()
		}
	})
}

// killOne kills one of the three processes and starts it again where nobody
// else does.
func (w *world) killOne(which int) {
	switch which {
	case 0:
		_ = w.logd.Process.Kill()
		_ = w.logd.Wait()
		w.startLogd()
	case 1:
		text, err := os.ReadFile(filepath.Join(w.dir, "logger.pid"))
		if err != nil {
			return
		}
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && isLogger(pid) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	case 2:
		_ = w.emitter.Process.Kill()
		w.reading.Wait()
		_ = w.emitter.Wait()
		w.startEmitter()
	}
}

// isLogger tells whether a process is ours: its number may have been given to
// another since.
func isLogger(pid int) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && strings.HasPrefix(string(line), os.Args[0]+"\x00--config\x00")
}

func newWorld(t *testing.T) (*world, *mongodb.Log) {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), durable: map[string]bool{}}
	w.logdBin = filepath.Join(w.dir, "logd")
	if out, err := exec.Command("go", "build", "-o", w.logdBin, "../logd").CombinedOutput(); err != nil {
		t.Fatalf("build logd: %v: %s", err, out)
	}
	db, err := ferret.Listen("127.0.0.1:0", filepath.Join(w.dir, "db"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- db.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		<-done
	})
	ca, addr := mtlstest.NewAuthority(t), testkit.FreeAddr(t)
	server, files := ca.Files(mtls.Logd, "log"), ca.Files(mtls.ChatdLogger, "chat")
	w.config = configFile(t, w.dir, files, addr)
	w.logdArg = []string{"--listen", addr, "--ops.listen", "127.0.0.1:0", "--mongodb.uri", db.URI(), "--log-level", "error",
		"--tls.ca", server.CA, "--tls.cert", server.Cert, "--tls.key", server.Key}
	script := fmt.Sprintf("#!/bin/sh\necho $$ >%s/logger.pid\nTEST_ROLE=logger exec %s \"$@\"\n", w.dir, os.Args[0])
	if err := os.WriteFile(filepath.Join(w.dir, "logger"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	log, err := mongodb.Open(mongodb.Config{URI: db.URI()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	return w, log
}

func TestKilledProcessesLoseNothingAndStoreNothingTwice(t *testing.T) {
	w, log := newWorld(t)
	w.startLogd()
	w.startEmitter()
	t.Cleanup(func() {
		_ = w.emitter.Process.Kill()
		_ = w.emitter.Wait()
		_ = w.logd.Process.Kill()
		_ = w.logd.Wait()
	})
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	kills := 0
	// On a busy machine events are few: then it takes longer.
	limit := time.Now().Add(time.Minute)
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end) || (w.count() < enough && time.Now().Before(limit)); kills++ {
		<-time.After(time.Duration(20+random.IntN(250)) * time.Millisecond)
		w.killOne(random.IntN(3))
	}
	_ = w.feed.Close() // the last server ends in order
	w.reading.Wait()
	if err := w.emitter.Wait(); err != nil {
		t.Errorf("the last server: %v", err)
	}
	// What the last logger had no time for, the next one relays.
	flush := loggerCommand(t, "--config", w.config)
	feed, err := flush.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := flush.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = feed.Close()
		_ = flush.Wait()
	}()
	var missing []string
	stored := map[string]int{}
	testkit.Until(t, "every durable event is stored", func() bool {
		clear(stored)
		for rec, err := range log.Find(t.Context(), mongodb.Filter{}, event.ID{}) {
			if err != nil {
				t.Fatal(err)
			}
			if !rec.Exact || rec.Server != "chat" || rec.Category != "chat" || rec.Subject != "kim" || strings.Count(rec.Data, "-") != 2 {
				t.Fatalf("stored %+v", rec)
			}
			stored[rec.Data]++
		}
		missing = missing[:0]
		for label := range w.durable {
			if stored[label] == 0 {
				missing = append(missing, label)
			}
		}
		return len(missing) == 0
	})
	for label, n := range stored {
		if n != 1 {
			t.Errorf("%s is stored %d times", label, n)
		}
	}
	t.Logf("%d kills, %d events durable, %d stored", kills, len(w.durable), len(stored))
	if len(w.durable) < enough {
		t.Fatal("too few events for a test")
	}
}
