package natslog

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"

	"chatlab/src/errs"
)

// disk makes the lines of a log of its own durable: it syncs every file and folder
// below a folder that has changed since the last sync. All lines that arrive during a
// sync share the next one; JetStream's SyncAlways syncs once for each line.
type disk struct {
	dir  string
	sync func(path string) error
	ask  chan struct{}
	seen map[string]stamp // only run uses it

	mu     sync.Mutex
	wanted uint64        // the highest line that somebody waits for
	synced uint64        // all lines up to this one are on disk
	failed error         // of a sync: the content of the disk is unknown from then on
	turn   chan struct{} // closed when a sync ends
}

// stamp changes with the content of a file, and with the entries of a folder.
type stamp struct {
	size int64
	at   time.Time
}

// youngFile is the age up to which a file may change again without another
// modification time: the kernel's clock for these ticks each 1 to 10 ms.
const youngFile = 50 * time.Millisecond

func newDisk(dir string) *disk {
	return &disk{dir: dir, sync: syncPath, ask: make(chan struct{}, 1), seen: map[string]stamp{}, turn: make(chan struct{})}
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// run syncs when a caller of await asks for it, until closed.
func (d *disk) run(closed <-chan struct{}) {
	for {
		select {
		case <-d.ask:
			d.serve()
		case <-closed:
			return
		}
	}
}

// serve syncs once for all callers that wait now.
func (d *disk) serve() {
	d.mu.Lock()
	upTo := d.wanted
	d.mu.Unlock()
	err := d.syncChanged()
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.failed = errs.Wrap(errors.Join(err, syscall.EIO), errs.Unavailable, "the chat log cannot be synced to the disk")
	} else {
		d.synced = upTo
	}
	close(d.turn)
	d.turn = make(chan struct{})
}

// syncChanged syncs every file and folder that has changed. JetStream removes files
// at any time.
func (d *disk) syncChanged() error {
	now, seen := time.Now(), make(map[string]stamp, len(d.seen))
	err := filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return unlessGone(err)
		}
		info, err := e.Info()
		if err != nil {
			return unlessGone(err)
		}
		is := stamp{info.Size(), info.ModTime()}
		if d.seen[path] != is {
			if err := d.sync(path); err != nil {
				return unlessGone(err)
			}
		}
		if now.Sub(is.at) > youngFile {
			seen[path] = is
		}
		return nil
	})
	d.seen = seen
	return err
}

func unlessGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// await waits until a line that JetStream has stored is on disk. Fails with
// syscall.EIO once a sync has failed.
func (d *disk) await(ctx context.Context, seq uint64, closed <-chan struct{}) error {
	for {
		d.mu.Lock()
		failed, done, turn := d.failed, d.synced >= seq, d.turn
		d.wanted = max(d.wanted, seq)
		d.mu.Unlock()
		if failed != nil || done {
			return failed
		}
		select {
		case d.ask <- struct{}{}:
		default: // it is asked already
		}
		select {
		case <-turn:
		case <-ctx.Done():
			return ctx.Err()
		case <-closed:
			return nats.ErrConnectionClosed
		}
	}
}

// onDisk waits until a line is as durable as the log makes it: in a cluster it is once
// JetStream has stored it.
func (l *Log) onDisk(ctx context.Context, seq uint64) error {
	if l.disk == nil {
		return nil
	}
	err := l.disk.await(ctx, seq, l.life.Done())
	if err == nil {
		return nil
	}
	if errors.Is(err, syscall.EIO) {
		l.cannotWrite(err)
	}
	return l.away(ctx, err)
}
