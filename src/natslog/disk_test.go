package natslog

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/chat"
	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/testkit"
	"chatlab/src/wire"
)

// platter is a disk whose syncs a test holds up, fails and counts.
type platter struct {
	mu     sync.Mutex
	synced []string
	err    error
	hold   chan struct{} // nil: a sync ends at once
}

func (p *platter) sync(path string) error {
	p.mu.Lock()
	p.synced = append(p.synced, path)
	err, hold := p.err, p.hold
	p.mu.Unlock()
	if hold != nil {
		<-hold
	}
	return err
}

func (p *platter) set(err error, hold chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err, p.hold = err, hold
}

// take returns the names of the files that were synced since the last call.
func (p *platter) take() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var names []string
	for _, path := range p.synced {
		names = append(names, filepath.Base(path))
	}
	p.synced = nil
	return strings.Join(names, " ")
}

func openOn(t *testing.T, p *platter) *Log {
	t.Helper()
	l, err := Open(t.Context(), Options{
		Dir: t.TempDir(), Node: "test", MaxBacklog: 1 << 20, Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	l.disk.mu.Lock() // the first sync may be under way
	defer l.disk.mu.Unlock()
	l.disk.sync = p.sync
	return l
}

var hello = chat.Draft{Room: "lobby", User: "kim", Text: "hello"}

func TestALineIsNeitherAcknowledgedNorShownNorReadBeforeItIsOnDisk(t *testing.T) {
	p := &platter{}
	l := openOn(t, p)
	hold := make(chan struct{})
	p.set(nil, hold)
	var stored, shown, read sync.WaitGroup
	var mu sync.Mutex
	var seen []string
	note := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, what)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	shown.Go(func() {
		_ = l.Follow(ctx, 0, func([]wire.Message) error { note("shown"); cancel(); return nil })
	})
	stored.Go(func() {
		if r := l.Publish(t.Context(), hello)[0]; r.Err == nil {
			note("acknowledged")
		}
	})
	testkit.Until(t, "a sync is under way", func() bool { return p.take() != "" })
	read.Go(func() {
		if lines, err := l.Read(t.Context(), "lobby", 0, 1); err == nil && len(lines) == 1 {
			note("read")
		}
	})
	late, end := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer end()
	if _, err := l.Bounds(late); !errs.Is(err, errs.Unavailable) {
		t.Errorf("the end of a log that is not on disk: %v, want code unavailable", err)
	}
	mu.Lock()
	if len(seen) > 0 {
		t.Errorf("before the sync had ended: %s", seen)
	}
	mu.Unlock()
	p.set(nil, nil)
	close(hold)
	stored.Wait()
	shown.Wait()
	read.Wait()
	if len(seen) != 3 {
		t.Errorf("after the sync: %s", seen)
	}
}

func TestLinesShareASync(t *testing.T) {
	const lines = 200
	p := &platter{}
	l := openOn(t, p)
	testkit.Until(t, "only the lines' file is synced", func() bool { // files that are young are synced again
		p.take()
		l.Publish(t.Context(), hello)
		return p.take() == "1.blk"
	})
	hold := make(chan struct{})
	p.set(nil, hold)
	bounds, err := l.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range lines {
		all.Go(func() {
			if r := l.Publish(t.Context(), hello)[0]; r.Err != nil {
				t.Error(r.Err)
			}
		})
	}
	testkit.Until(t, "all lines wait", func() bool {
		l.disk.mu.Lock()
		defer l.disk.mu.Unlock()
		return l.disk.wanted == bounds.Last+lines
	})
	close(hold)
	all.Wait()
	if synced := p.take(); len(strings.Fields(synced)) > 20 {
		t.Errorf("%d lines took these syncs: %s", lines, synced)
	}
}

func TestEveryFileThatChangedIsSynced(t *testing.T) {
	dir := t.TempDir()
	p := &platter{}
	d := newDisk(dir)
	d.sync = p.sync
	old := time.Now().Add(-time.Hour)
	write := func(name, text string, at time.Time) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	settle := func() {
		t.Helper()
		if err := errors.Join(os.Chtimes(dir, old, old), os.Chtimes(filepath.Join(dir, "msgs"), old, old)); err != nil {
			t.Fatal(err)
		}
	}
	steps := []struct {
		name   string
		change func()
		want   []string
	}{
		{"all files of a new log", func() { write("msgs/1.blk", "one", old); settle() }, []string{filepath.Base(dir), "msgs", "1.blk"}},
		{"nothing", func() {}, nil},
		{"a file that grew", func() { write("msgs/1.blk", "one two", old); settle() }, []string{"1.blk"}},
		{"a file of the same size", func() { write("msgs/1.blk", "one six", old.Add(time.Second)); settle() }, []string{"1.blk"}},
		{"a file that changed just now", func() { write("msgs/1.blk", "one ten", time.Now()); settle() }, []string{"1.blk"}},
		{"the same again, as it may have changed since", func() {}, []string{"1.blk"}},
		{"a new file and its folder", func() {
			settle()
			write("msgs/2.blk", "two", old)
			if err := os.Chtimes(filepath.Join(dir, "msgs"), old.Add(time.Second), old.Add(time.Second)); err != nil {
				t.Fatal(err)
			}
		}, []string{"msgs", "2.blk"}},
	}
	for _, s := range steps {
		s.change()
		if err := d.syncChanged(); err != nil {
			t.Fatal(err)
		}
		got := p.take()
		for _, name := range s.want {
			if !strings.Contains(" "+got+" ", " "+name+" ") {
				t.Errorf("%s: synced %q, want %s", s.name, got, name)
			}
		}
		if len(s.want) == 0 && got != "" {
			t.Errorf("%s: synced %q", s.name, got)
		}
	}
}

func TestAFailedSyncEndsTheLog(t *testing.T) {
	p := &platter{}
	l := openOn(t, p)
	p.set(errors.New("input/output error"), nil)
	ended := make(chan error, 1)
	go func() { ended <- l.Emit(t.Context(), nobody{}) }()
	if r := l.Publish(t.Context(), hello)[0]; !errs.Is(r.Err, errs.Unavailable) {
		t.Errorf("a line that is not on disk: %+v, want code unavailable", r)
	}
	if err := <-ended; !errors.Is(err, syscall.EIO) {
		t.Errorf("Emit ended with %v, want the disk's error", err)
	}
	p.set(nil, nil)
	if r := l.Publish(t.Context(), hello)[0]; !errs.Is(r.Err, errs.Unavailable) {
		t.Errorf("a line after a sync that failed: %+v, want code unavailable", r)
	}
}

// nobody takes no events.
type nobody struct{}

func (nobody) Emit(context.Context, ...event.Event) error {
	return errs.E(errs.Unavailable, "no logger")
}
