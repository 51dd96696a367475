package natslog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"chatlab/src/event"
	"chatlab/src/wire"
)

// position is the last line whose event is emitted, of a log of its own. It is
// in a file beside the log's: JetStream's own book-keeping for each line costs
// as much as storing it. A position that is lost or too low makes events a second
// time, with the same ids.
type position struct {
	file *os.File
	seq  atomic.Uint64
}

const positionName = "events.position"

// openPosition reads the position of a log in a folder; none is 0.
func openPosition(dir string) (*position, error) {
	file, err := os.OpenFile(filepath.Join(dir, positionName), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, err
	}
	p := &position{file: file}
	text, err := os.ReadFile(file.Name())
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if seq, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil {
		p.seq.Store(seq)
	}
	return p, nil
}

// store writes the position in one piece, within one sector.
func (p *position) store(seq uint64) error {
	_, err := fmt.Fprintf(io.NewOffsetWriter(p.file, 0), "%020d\n", seq)
	if err == nil {
		p.seq.Store(seq)
	}
	return err
}

// placeEvents finds out where the events of a log of its own go on: not beyond its
// end, which a power cut may have taken, and not before what a consumer of an
// earlier version had acknowledged.
func (l *Log) placeEvents(ctx context.Context) error {
	seq := l.position.seq.Load()
	consumer, err := l.stream.Consumer(ctx, consumerName)
	if err == nil {
		seq = max(seq, consumer.CachedInfo().AckFloor.Stream)
	} else if !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return err
	}
	if err := l.position.store(min(seq, l.stream.CachedInfo().State.LastSeq)); err != nil {
		return err
	}
	if consumer != nil {
		return l.stream.DeleteConsumer(ctx, consumerName)
	}
	return nil
}

// emitLook is how often the log itself is asked for lines, whatever Follow gives.
const emitLook = 500 * time.Millisecond

// emitAlone is Emit for a log of its own. It takes the lines that Follow gave; those
// from before, and all while nobody follows, it reads.
func (l *Log) emitAlone(ctx context.Context, to Events) error {
	look := time.NewTicker(emitLook)
	defer look.Stop()
	for late := false; ; {
		done := l.position.seq.Load()
		lines, known, grown := l.recent.after(done, emitBatch)
		if !known || late {
			var err error
			if lines, _, err = l.get(ctx, getRequest{Seq: done + 1, NextFor: subjects, Batch: emitBatch}); err != nil {
				return err
			}
		}
		late = false
		if len(lines) > 0 {
			if err := l.emitLines(ctx, to, lines); err != nil {
				return err
			}
			continue
		}
		select {
		case <-grown:
		case <-look.C:
			late = true
		case <-ctx.Done():
			return ctx.Err()
		case <-l.closed:
			return l.away(ctx, nats.ErrConnectionClosed)
		}
	}
}

// emitLines emits lines until their events are durable, and keeps the position.
func (l *Log) emitLines(ctx context.Context, to Events, lines []wire.Message) error {
	evs := make([]event.Event, 0, len(lines))
	for _, m := range lines {
		evs = append(evs, lineEvent(m))
	}
	if !l.durable(ctx, to, evs) {
		return ctx.Err()
	}
	if err := l.position.store(lines[len(lines)-1].Seq); err != nil {
		return err
	}
	l.emitted.Add(float64(len(lines)))
	return nil
}
