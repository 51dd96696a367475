package natslog_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/chat"
	"chatlab/src/mtls"
	"chatlab/src/natslog"
	"chatlab/src/testkit"
	"chatlab/src/testkit/mtlstest"
)

// ring is the members of a cluster; each can be stopped and started again.
type ring struct {
	t     *testing.T
	dir   string
	peers []string // addresses
	named []int    // members that the file names
	ca    *mtlstest.Authority
	logs  []*natslog.Log // nil: down

	fileOf func(member int) string // that names the members to it
}

// bareRing is a ring that nobody has started.
func bareRing(t *testing.T, n int) *ring {
	t.Helper()
	r := &ring{t: t, dir: t.TempDir(), ca: mtlstest.NewAuthority(t), logs: make([]*natslog.Log, n)}
	r.peers = testkit.FreeAddrs(t, n)
	r.fileOf = func(int) string { return r.file() }
	return r
}

func newRing(t *testing.T, n int) *ring {
	t.Helper()
	r := bareRing(t, n)
	for i := range n {
		r.named = append(r.named, i)
	}
	r.name(r.named...)
	for i := range n {
		r.start(i)
	}
	r.ready()
	return r
}

func (r *ring) options(i int) natslog.Options {
	return natslog.Options{
		Dir: filepath.Join(r.dir, fmt.Sprint("node", i)), Node: fmt.Sprint("node", i), MaxBacklog: 1 << 20,
		Cluster: &natslog.Cluster{Listen: r.peers[i], PeersFile: r.fileOf(i), TLS: r.ca.Files(mtls.Chatd, fmt.Sprint("node", i))},
		Logger:  slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	}
}

func (r *ring) file() string { return filepath.Join(r.dir, "peers") }

// name writes the file that the members follow.
func (r *ring) name(members ...int) {
	r.t.Helper()
	r.named = members
	var text strings.Builder
	for _, i := range members {
		fmt.Fprintf(&text, "node%d %s\n", i, r.peers[i])
	}
	if err := os.WriteFile(r.file(), []byte(text.String()), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *ring) start(i int) {
	r.t.Helper()
	log, err := natslog.Open(r.t.Context(), r.options(i))
	if err != nil {
		r.t.Fatal(err)
	}
	r.logs[i] = log
	r.t.Cleanup(log.Close)
}

func (r *ring) stop(i int) {
	r.logs[i].Close()
	r.logs[i] = nil
}

// up returns the members that run.
func (r *ring) up() []*natslog.Log {
	return slices.DeleteFunc(slices.Clone(r.logs), func(l *natslog.Log) bool { return l == nil })
}

// ready waits until every member that runs serves.
func (r *ring) ready() {
	r.t.Helper()
	for _, log := range r.up() {
		testkit.Until(r.t, "the member serves", func() bool {
			_, err := log.Bounds(r.t.Context())
			return err == nil
		})
	}
}

// leader returns the place of the member that leads.
func (r *ring) leader() int {
	r.t.Helper()
	at := -1
	testkit.Until(r.t, "a member leads", func() bool {
		at = slices.IndexFunc(r.logs, func(l *natslog.Log) bool { return l != nil && l.Leads() })
		return at >= 0
	})
	return at
}

// persist publishes a line until it is stored, as a client does.
func persist(t *testing.T, log *natslog.Log, d chat.Draft) {
	t.Helper()
	testkit.Until(t, "the line is stored", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return log.Publish(ctx, d)[0].Err == nil
	})
}
