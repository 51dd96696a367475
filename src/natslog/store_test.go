package natslog

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"chatlab/src/chat"
	"chatlab/src/errs"
	"chatlab/src/testkit"
)

// SmallDisk mounts a file system of some bytes on a folder for a test.
func SmallDisk(t *testing.T, dir, bytes string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a file system of the test's own needs root")
	}
	if err := unix.Mount("chatlab", dir, "tmpfs", 0, "size="+bytes); err != nil {
		t.Skipf("no file system of the test's own can be mounted: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
}

// Fill leaves no more than so many bytes of a file system of a test; it returns what makes
// room again.
func Fill(t *testing.T, dir string, rest int64) (free func()) {
	t.Helper()
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		t.Fatal(err)
	}
	filler, err := os.Create(filepath.Join(dir, "filler"))
	if err == nil {
		err = unix.Fallocate(int(filler.Fd()), 0, 0, int64(disk.Bavail)*int64(disk.Bsize)-rest)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := errors.Join(filler.Close(), os.Remove(filler.Name())); err != nil {
			t.Error(err)
		}
	}
}

func publish(l *Log) error { return l.Publish(context.Background(), hello)[0].Err }

func TestAFullDiskRefusesLinesAndServesAgainOnceThereIsRoom(t *testing.T) {
	dir := t.TempDir()
	SmallDisk(t, dir, "16m")
	open := func() *Log {
		t.Helper()
		l, err := Open(t.Context(), Options{
			Dir: filepath.Join(dir, "log"), Node: "test", MaxBacklog: 1 << 20, MaxBytes: 1 << 20,
			Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(l.Close)
		return l
	}
	l := open()
	ended := make(chan error, 1)
	go func() { ended <- l.Emit(t.Context(), nobody{}) }()
	testkit.Until(t, "it is ready", func() bool { return l.Ready(t.Context()) == nil })
	stored := 0
	line := chat.Draft{Room: "lobby", User: "kim", Text: strings.Repeat("x", 8000)}
	free := Fill(t, dir, 1<<19)
	testkit.Until(t, "a line is refused", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // as chatd gives it
		defer cancel()
		err := l.Publish(ctx, line)[0].Err
		if err == nil {
			stored++
		} else if !errs.Is(err, errs.Unavailable) {
			t.Fatalf("refused with %v, want code unavailable", err)
		}
		return err != nil
	})
	testkit.Until(t, "it is known why", func() bool {
		err := l.Ready(t.Context())
		return err != nil && strings.Contains(err.Error(), "no space left on device")
	})
	if err := publish(l); !errs.Is(err, errs.Unavailable) || errs.FixOf(err) == "" {
		t.Errorf("a line on a full disk: %v", err)
	}
	free()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "opened anew") {
		t.Fatalf("with room again Emit ended with %v", err)
	}
	l.Close()

	l = open()
	if err := publish(l); err != nil {
		t.Fatal(err)
	}
	lines, err := l.Read(t.Context(), "lobby", 0, stored+10)
	if err != nil || len(lines) < stored+1 || lines[stored-1].Text != line.Text {
		t.Errorf("%d lines were stored, %d are there: %v", stored, len(lines), err)
	}
}

func TestAWriteErrorInJetStreamsMessages(t *testing.T) {
	for text, want := range map[string]error{
		"Critical write error: write /x/1.blk: no space left on device": syscall.ENOSPC,
		"sync /x: input/output error":                                   syscall.EIO,
		"Error trying to connect to route: too many open files":         nil,
		"Error trying to connect to route: operation not permitted":     nil,
	} {
		if got := writeError(text); !errors.Is(got, want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	if writeError("Critical write error: open /x/2.blk: too many open files") == nil {
		t.Error("a critical write error is not noticed")
	}
}
