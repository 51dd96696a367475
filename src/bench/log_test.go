//go:build bench

package bench

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"chatlab/src/event"
	"chatlab/src/mongodb"
)

// The limits hold at fullLog events; smaller logs are measured for comparison.
const (
	fullLog       = 1_000_000
	eventsLimit   = time.Second
	checkLimit    = 3 * time.Second
	logBatch      = 1000
	logRuns       = 3 // of each command; the median counts
	logSizes      = "BENCH_LOG_SIZES"
	logRetention  = "    chatlab_logd_retention_events: 2000000\n"
	logConnection = "mongodb://127.%d.123.11:27017/"
)

// TestEventLog: `lab events` and `lab check` beside a growing event log.
// `make bench-events` runs it.
func TestEventLog(t *testing.T) {
	sizes := os.Getenv(logSizes)
	if sizes == "" {
		t.Skip("run by `make bench-events`")
	}
	net := 20 + rand.IntN(200)
	inventory, lab := newLab(t, net, logRetention)
	defer lab("down", "--purge")
	lab("up", "--inventory", inventory)
	log, err := mongodb.Open(mongodb.Config{URI: fmt.Sprintf(logConnection, net)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	log.KeepTail("bench")
	stored := 0
	for size := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(size)
		if err != nil {
			t.Fatalf("%s: %v", logSizes, err)
		}
		fill(t, log, n-stored)
		stored = n
		held := stored >= fullLog
		logRow(t, fmt.Sprintf("lab events -n 2 at %d events", n), medianTime(lab, "events", "-n", "2"), eventsLimit, held)
		logRow(t, fmt.Sprintf("lab check at %d events", n), medianTime(lab, "check"), checkLimit, held)
	}
}

// logRow prints a time; its limit counts when it is held.
func logRow(t *testing.T, name string, took float64, limit time.Duration, held bool) {
	t.Helper()
	text := "-"
	if held {
		text = fmt.Sprintf("< %.0f", limit.Seconds())
	}
	row(t, name, took, "s", text, !held || took < limit.Seconds())
}

// medianTime runs a command of the lab several times and returns the median
// of its times in seconds.
func medianTime(lab func(args ...string) []byte, args ...string) float64 {
	var took []float64
	for range logRuns {
		begin := time.Now()
		lab(args...)
		took = append(took, time.Since(begin).Seconds())
	}
	return median(took)
}

// fill stores n events as a log server does.
func fill(t *testing.T, log *mongodb.Log, n int) {
	t.Helper()
	for i := 0; i < n; i += logBatch {
		events := make([]event.Event, min(logBatch, n-i))
		for k := range events {
			events[k] = sampleEvent(i + k)
		}
		if _, err := log.Insert(t.Context(), events); err != nil {
			t.Fatal(err)
		}
	}
}
