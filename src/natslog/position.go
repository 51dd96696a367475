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
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go/jetstream"
)

// position is the last line whose event is emitted. It is in a file beside the
// log's: JetStream's own book-keeping for each line costs as much as storing it. A
// position that is lost or too low makes events a second time, with the same ids.
// In a cluster every member has one, see turn.
type position struct {
	mu   sync.Mutex // of the file
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
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seq.Load() == seq {
		return nil
	}
	_, err := fmt.Fprintf(io.NewOffsetWriter(p.file, 0), "%020d\n", seq)
	if err == nil {
		p.seq.Store(seq)
	}
	return err
}

// placeEvents finds out where the events of a log go on: not beyond its
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
