package natslog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	leaseKey   = "emitter"
	leaseLook  = 250 * time.Millisecond
	renewAfter = time.Second     // the lease is written at most so often, and once at the end
	lapseAfter = 3 * time.Second // without a renewal, by the clock of each reader
)

// lease is a record in the log's bucket. Its holder emits the events after the cursor. A
// new holder emits the events since the last renewal again, with the same ids.
type lease struct {
	Node  string `json:"node"`            // the holder; empty: any member may be
	To    uint64 `json:"to"`              // the cursor, the last line whose event is emitted
	Epoch string `json:"epoch,omitempty"` // in which the cursor was reached
}

// emitter is what a member knows of the lease.
type emitter struct {
	held  atomic.Bool
	to    atomic.Uint64             // the cursor, with this holder's progress since the renewal
	kept  atomic.Uint64             // the cursor in the bucket
	began atomic.Pointer[time.Time] // when the batch in progress began, or nil

	mu       sync.Mutex // held during requests; guards the rest
	revision uint64     // of the record
	changed  time.Time  // when this member first saw that revision
	lost     time.Time  // since when the cursor is beyond the log; zero: it is not
	end      uint64     // the log's lowest last line since then
}

// stuck reports whether the batch in progress takes so long that another member should try.
func (e *emitter) stuck() bool {
	began := e.began.Load()
	return began != nil && time.Since(*began) >= renewAfter
}

// placeEvents finds out where the events go on.
func (l *Log) placeEvents(ctx context.Context) error {
	l.emitter.mu.Lock()
	defer l.emitter.mu.Unlock()
	return l.takeLease(ctx, false)
}

// tendLease renews the lease, takes it when it is free, or gives it up unless this member
// stays. A holder that is stuck does not renew it, and keeps it until another takes it.
func (l *Log) tendLease(ctx context.Context, stay bool) {
	e := &l.emitter
	e.mu.Lock()
	defer e.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, renewAfter)
	defer cancel()
	held, able, to := e.held.Load(), stay && !e.stuck(), e.to.Load()
	news := l.opts.Cluster != nil || to != e.kept.Load()
	var err error
	switch {
	case held && !stay:
		err = l.writeLease(ctx, lease{To: to}, e.revision)
	case held && able && news && time.Since(e.changed) >= renewAfter:
		err = l.writeLease(ctx, lease{Node: l.opts.Node, To: to}, e.revision)
	case !held || !able:
		err = l.takeLease(ctx, able)
	}
	switch {
	case errors.Is(err, jetstream.ErrKeyRevisionMismatch): // another member was faster
		e.held.Store(false)
	case err != nil && held && !errors.Is(err, context.Canceled):
		l.logger.Warn("the lease of the events cannot be renewed", "err", err)
	}
}

// takeLease reads the lease, and takes it if it is free and this member can emit. A record
// that is lost or damaged is replaced: emitting twice is harmless, skipping is not.
func (l *Log) takeLease(ctx context.Context, able bool) error {
	e := &l.emitter
	entry, err := l.state.Get(ctx, leaseKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		to, why := l.firstCursor()
		return l.putBack(ctx, to, 0, why)
	}
	if err != nil {
		return err
	}
	var now lease
	if err := json.Unmarshal(entry.Value(), &now); err != nil {
		return l.putBack(ctx, 0, entry.Revision(), err)
	}
	if e.revision == 0 { // first read: the record is on disk
		_ = os.Remove(l.cursorFile())
		if to, why := l.believed(now); why != nil {
			return l.putBack(ctx, to, entry.Revision(), why)
		}
	}
	if entry.Revision() > e.revision { // a replica may be a moment behind
		e.revision, e.changed = entry.Revision(), time.Now()
	}
	mine := now.Node == l.opts.Node
	if mine && e.held.Load() {
		return nil
	}
	e.held.Store(false)
	e.kept.Store(now.To)
	e.to.Store(now.To)
	if !able || !mine && now.Node != "" && time.Since(e.changed) < lapseAfter {
		return nil
	}
	return l.writeLease(ctx, lease{Node: l.opts.Node, To: now.To}, entry.Revision())
}

// writeLease replaces the record of a revision. Fails with
// [jetstream.ErrKeyRevisionMismatch] when another member replaced it.
func (l *Log) writeLease(ctx context.Context, next lease, last uint64) error {
	next.Epoch = l.Epoch()
	text, err := json.Marshal(next)
	if err != nil {
		return err
	}
	revision, err := l.state.Update(ctx, leaseKey, text, last)
	if err != nil {
		return err
	}
	e := &l.emitter
	e.revision, e.changed = revision, time.Now()
	e.kept.Store(next.To)
	e.held.Store(next.Node != "")
	return l.note(seen{next.Epoch, next.To})
}

// putBack writes a record with another cursor, for any member to take. why is the fault
// of the last record; nil: there was none.
func (l *Log) putBack(ctx context.Context, to, last uint64, why error) error {
	if err := l.writeLease(ctx, lease{To: to}, last); err != nil {
		return err
	}
	l.emitter.to.Store(to)
	if why != nil {
		l.damaged.Inc()
		l.logger.Error("the cursor of the events is put back: later events are emitted again, with the same ids", "seq", to, "err", why)
	}
	return nil
}

// checkCursor puts back a cursor that is beyond the log's last line: the log lost lines,
// and new lines get their numbers. In a cluster it waits, as a new leader may not have
// applied all lines yet.
func (l *Log) checkCursor(ctx context.Context, to, last uint64) error {
	e := &l.emitter
	e.mu.Lock()
	defer e.mu.Unlock()
	if to <= last {
		e.lost = time.Time{}
		return nil
	}
	if e.lost.IsZero() {
		e.lost, e.end = time.Now(), last
	}
	e.end = min(e.end, last)
	l.stored.Store(0)
	l.recent.clear()
	why := fmt.Errorf("the cursor, %d, is beyond the log's last line, %d", to, last)
	if l.opts.Cluster != nil && time.Since(e.lost) < lapseAfter {
		return why
	}
	return l.putBack(ctx, e.end, e.revision, why)
}

// cursorFile is where earlier versions kept the cursor. It stays until the next start,
// when the lease is on disk.
func (l *Log) cursorFile() string { return filepath.Join(l.opts.Dir, "events.position") }

// firstCursor returns the cursor of a log that has no lease, and why it may be too low.
func (l *Log) firstCursor() (to uint64, why error) {
	text, err := os.ReadFile(l.cursorFile())
	switch {
	case err == nil:
		return parseCursor(string(text))
	case l.stream.CachedInfo().State.LastSeq == 0:
		return 0, nil
	}
	return 0, fmt.Errorf("its record is lost, and there is no file of an earlier version: %w", err)
}

// parseCursor reads 20 digits, and their CRC-32C in hexadecimal if it is there.
func parseCursor(text string) (uint64, error) {
	digits := text[:min(len(text), 20)]
	seq, err := strconv.ParseUint(digits, 10, 64)
	sum := crc32.Checksum([]byte(digits), crc32.MakeTable(crc32.Castagnoli))
	if err != nil || text != digits+"\n" && text != fmt.Sprintf("%s %08x\n", digits, sum) {
		return 0, fmt.Errorf("the file of an earlier version is damaged: %q", text)
	}
	return seq, nil
}
