package natslog

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go/jetstream"
)

// cursor is the last line whose event is emitted. It is in a file beside the log's:
// JetStream's own book-keeping for each line costs as much as storing it. A cursor
// that is lost, damaged or too low makes events a second time, with the same ids; one
// that is too high would skip events, so the file has a checksum. In a cluster every
// member has a cursor, see turn.
type cursor struct {
	mu   sync.Mutex // of the file
	file *os.File
	seq  atomic.Uint64
}

const (
	cursorName   = "events.position"
	cursorDigits = 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// openCursor reads the cursor of a log in a folder; none is 0. damaged says why the file
// was not used, and the cursor is 0 then.
func openCursor(dir string) (c *cursor, damaged, err error) {
	file, err := os.OpenFile(filepath.Join(dir, cursorName), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, nil, err
	}
	text, err := os.ReadFile(file.Name())
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	c = &cursor{file: file}
	seq, damaged := parseCursor(string(text))
	c.seq.Store(seq)
	return c, damaged, nil
}

// parseCursor reads 20 digits and their CRC-32C in hexadecimal. Earlier versions wrote
// the digits alone.
func parseCursor(text string) (uint64, error) {
	if text == "" {
		return 0, nil
	}
	if len(text) < cursorDigits {
		return 0, fmt.Errorf("%d bytes instead of %d", len(text), len(cursorText(0)))
	}
	seq, err := strconv.ParseUint(text[:cursorDigits], 10, 64)
	if err != nil {
		return 0, err
	}
	if text != cursorText(seq) && text != text[:cursorDigits]+"\n" {
		return 0, errors.New("its checksum does not match")
	}
	return seq, nil
}

func cursorText(seq uint64) string {
	digits := fmt.Sprintf("%0*d", cursorDigits, seq)
	return fmt.Sprintf("%s %08x\n", digits, crc32.Checksum([]byte(digits), castagnoli))
}

// store writes the cursor in one piece, within one sector.
func (c *cursor) store(seq uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seq.Load() == seq {
		return nil
	}
	_, err := c.file.WriteAt([]byte(cursorText(seq)), 0)
	if err == nil {
		c.seq.Store(seq)
	}
	return err
}

// placeEvents finds out where the events of a log go on: not beyond its
// end, which a power cut may have taken, and not before what a consumer of an
// earlier version had acknowledged.
func (l *Log) placeEvents(ctx context.Context) error {
	seq := l.cursor.seq.Load()
	consumer, err := l.stream.Consumer(ctx, consumerName)
	if err == nil {
		seq = max(seq, consumer.CachedInfo().AckFloor.Stream)
	} else if !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return err
	}
	if err := l.cursor.store(min(seq, l.stream.CachedInfo().State.LastSeq)); err != nil {
		return err
	}
	if consumer != nil {
		return l.stream.DeleteConsumer(ctx, consumerName)
	}
	return nil
}
