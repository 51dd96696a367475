//go:build bench

package bench

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"chatlab/src/event"
	"chatlab/src/ferret"
	"chatlab/src/metrics"
	"chatlab/src/mtls"
	"chatlab/src/testkit/mtlstest"
)

// The load: each round stores so many events bare and through the pipe.
const (
	eventRounds   = 3
	eventsARound  = 20_000
	eventSenders  = 512 // wait for their event at a time, as sessions do
	insertBatch   = 500
	eventText     = "this is what people say in a chat room, event %06d"
	eventDatabase = "BENCH_DATABASE"
)

// TestEvents: events a second from the pipe to stored, beside a bare
// InsertMany loop into the same server.
func TestEvents(t *testing.T) {
	uri := startDatabase(t)
	coll := connectDatabase(t, uri)
	pipe := startPipe(t, uri)
	var bare, through time.Duration
	for round := range eventRounds {
		took := insertBare(t, coll, round)
		bare += took
		t.Logf("bare: %d events in %s", eventsARound, took)
		took = pipe.emit(t, round)
		through += took
		t.Logf("pipe: %d events in %s", eventsARound, took)
	}
	rate := func(d time.Duration) float64 { return eventRounds * eventsARound / d.Seconds() }
	row(t, "events: bare InsertMany loop", rate(bare), "events/s", "-", true)
	row(t, "events: pipe to stored", rate(through), "events/s", "-", true)
	ratio := rate(through) / rate(bare)
	row(t, "events: pipe to stored over bare InsertMany", ratio, "", ">= 0.5", ratio >= 0.5)
}

// TestServeDatabase is the database's process: startDatabase runs it.
func TestServeDatabase(t *testing.T) {
	dir := os.Getenv(eventDatabase)
	if dir == "" {
		t.Skip("run by TestEvents as a process of its own")
	}
	s, err := ferret.Listen("127.0.0.1:0", dir)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("uri", s.URI())
	if err := s.Serve(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func startDatabase(t *testing.T) (uri string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestServeDatabase$", "-test.v")
	cmd.Env = append(os.Environ(), eventDatabase+"="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	start(t, cmd)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if uri, ok := strings.CutPrefix(lines.Text(), "uri "); ok {
			return uri
		}
	}
	t.Fatal("the database did not start")
	return ""
}

func connectDatabase(t *testing.T, uri string) *mongo.Collection {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(uri).SetWriteConcern(writeconcern.Majority()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	return client.Database("bare").Collection("Logdata")
}

func sampleEvent(i int) event.Event {
	return event.Event{ID: event.NewID(time.Now()), Server: "chat", Category: "chat",
		Subject: "user" + strconv.Itoa(i%eventSenders), Data: fmt.Sprintf(eventText, i)}
}

func insertBare(t *testing.T, coll *mongo.Collection, round int) time.Duration {
	t.Helper()
	batches := make([][]bson.D, 0, eventsARound/insertBatch)
	for i := range eventsARound {
		if i%insertBatch == 0 {
			batches = append(batches, nil)
		}
		e := sampleEvent(round*eventsARound + i)
		batches[len(batches)-1] = append(batches[len(batches)-1], bson.D{
			{Key: "_id", Value: bson.ObjectID(e.ID)}, {Key: "date_time", Value: e.Time().Format(time.RFC3339)}, {Key: "server", Value: e.Server},
			{Key: "category", Value: e.Category}, {Key: "id", Value: e.Subject}, {Key: "data", Value: e.Data}})
	}
	begin := time.Now()
	for _, docs := range batches {
		if _, err := coll.InsertMany(t.Context(), docs, options.InsertMany().SetOrdered(false)); err != nil {
			t.Fatal(err)
		}
	}
	return time.Since(begin)
}

// pipeline is an emitter with its logger, and a log server.
type pipeline struct {
	em  *event.Emitter
	ops string // of the log server
}

func startPipe(t *testing.T, uri string) *pipeline {
	t.Helper()
	dir, ca, addr := t.TempDir(), mtlstest.NewAuthority(t), unusedAddr(t)
	server, files := ca.Files(mtls.Logd, "log"), ca.Files(mtls.ChatdLogger, "chat")
	p := &pipeline{ops: unusedAddr(t)}
	start(t, exec.Command(binary(t, "logd"), "--listen", addr, "--ops.listen", p.ops, "--mongodb.uri", uri, "--log-level", "error",
		"--tls.ca", server.CA, "--tls.cert", server.Cert, "--tls.key", server.Key))
	config := filepath.Join(dir, "logger.yaml")
	text := fmt.Sprintf("spool:\n  dir: %s/spool\nlogd: [%q]\nlog_level: error\ntls:\n  ca: %s\n  cert: %s\n  key: %s\n", dir, addr, files.CA, files.Cert, files.Key)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p.em = event.NewEmitter(event.LoggerConfig{Command: binary(t, "logger"), Config: config, Timeout: time.Minute},
		slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.em.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	if err := p.em.Emit(t.Context(), sampleEvent(0)); err != nil {
		t.Fatal(err)
	}
	p.waitStored(t, 1)
	return p
}

// emit returns the time from the first event until all are stored.
func (p *pipeline) emit(t *testing.T, round int) time.Duration {
	t.Helper()
	begin := time.Now()
	var sending sync.WaitGroup
	for sender := range eventSenders {
		sending.Go(func() {
			for i := sender; i < eventsARound; i += eventSenders {
				if err := p.em.Emit(t.Context(), sampleEvent(round*eventsARound+i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	sending.Wait()
	p.waitStored(t, (round+1)*eventsARound+1)
	return time.Since(begin)
}

// waitStored asks the log server how many events it has stored.
func (p *pipeline) waitStored(t *testing.T, want int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		if got := metricOf(p.ops, "chatlab_logd_stored_total"); got >= float64(want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d events are not stored", want)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// metricOf returns one figure of a daemon, or -1 while it does not answer.
func metricOf(ops, name string) float64 {
	page, err := metrics.Get(context.Background(), http.DefaultClient, ops)
	if err != nil {
		return -1
	}
	value, _ := page.Sum(metrics.Named(name))
	return value
}

func unusedAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}
