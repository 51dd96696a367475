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

// emitAlone is Emit for a log of its own.
func (l *Log) emitAlone(ctx context.Context, to Events) error {
	evs := make([]event.Event, 0, emitBatch)
	return l.followConsumer(ctx, l.position.seq.Load(), func(lines []wire.Message) error {
		for len(lines) > 0 {
			n := min(len(lines), emitBatch)
			evs = evs[:0]
			for _, m := range lines[:n] {
				evs = append(evs, lineEvent(m))
			}
			if !l.durable(ctx, to, evs) {
				return ctx.Err()
			}
			if err := l.position.store(lines[n-1].Seq); err != nil {
				return err
			}
			l.emitted.Add(float64(n))
			lines = lines[n:]
		}
		return nil
	})
}
