package natslog_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/chat"
	"chatlab/src/natslog"
	"chatlab/src/testkit"
)

// TestDamagedLinesOfOneServerAreCounted: a log of its own has nobody to get them from.
func TestDamagedLinesOfOneServerAreCounted(t *testing.T) {
	t.Parallel()
	const lines, text = 2400, 4000 // more than one file
	dir := t.TempDir()
	open := func() (*natslog.Log, *prometheus.Registry) {
		reg := prometheus.NewRegistry()
		log, err := natslog.Open(t.Context(), natslog.Options{
			Dir: dir, Node: "one", MaxBacklog: 1 << 20, Logger: slog.New(slog.DiscardHandler), Metrics: reg,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(log.Close)
		return log, reg
	}
	log, _ := open()
	drafts := make([]chat.Draft, lines)
	for n := range drafts {
		drafts[n] = chat.Draft{Room: "lobby", User: "kim", Text: strings.Repeat("x", text)}
	}
	log.Publish(t.Context(), drafts...)
	log.Close()
	spoil(t, dir, func(path string) bool { return strings.HasSuffix(path, "/chat/msgs/1.blk") }, scratch)
	log, reg := open()
	defer emit(t, log, newSink())()
	b, err := log.Bounds(t.Context())
	if err != nil || b.Last != lines {
		t.Fatalf("%+v, %v: the log lost its end", b, err)
	}
	read := 0
	for after := uint64(0); ; {
		page, err := log.Read(t.Context(), "lobby", after, 500)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		read, after = read+len(page), page[len(page)-1].Seq
	}
	testkit.Until(t, "the damage is counted", func() bool {
		return read < lines && gauge(t, reg, "chatlab_chatlog_damaged_lines") == float64(int(b.Last-b.First)+1-read)
	})
}

// gauge returns the value of a gauge.
func gauge(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}
