package event

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"golang.org/x/sync/semaphore"

	"chatlab/src/errs"
)

// Limits of an Emitter.
const (
	maxUnacked  = 4 << 20         // bytes of lines kept until they are acknowledged
	maxWrite    = 128 << 10       // bytes of lines joined in one write to the pipe
	stallAfter  = time.Second     // a line that waits longer makes the emitter unready
	defaultWait = 5 * time.Second // LoggerConfig.Timeout where it is not set
)

// LoggerConfig says how a server starts its logger.
type LoggerConfig struct {
	Command string        `mapstructure:"command" usage:"path of the logger binary"`
	Config  string        `mapstructure:"config" usage:"the logger's YAML file"`
	Timeout time.Duration `mapstructure:"timeout" usage:"longest wait until an event is durable (0: 5s)"`
}

// Emitter is a server's end of the pipe to its logger: it starts the logger,
// keeps each line until the logger has it safe, and when the logger dies
// starts another and sends it those lines again, in order, with their IDs.
type Emitter struct {
	cfg  LoggerConfig
	log  *slog.Logger
	room *semaphore.Weighted // maxUnacked bytes
	wake chan struct{}       // a write is due
	born, durable,
	restarts prometheus.Counter

	mu      sync.Mutex
	queued  []*item // not in the running logger's pipe yet, withdrawn ones included
	waiting int     // items in queued that are not withdrawn
	written []*item // in its pipe, not acknowledged
	lines   uint64  // written to the running logger since it started
	acked   uint64  // acknowledged by it
	ready   bool    // it has opened its spool
	closed  bool    // Run ended or is ending
	empty   chan struct{}
}

// item is a run of lines that one Emit waits for.
type item struct {
	buf       []byte
	n         uint64 // lines in buf
	end       uint64 // lines of the running logger, this item's included
	since     time.Time
	sent      bool // was written to some logger: may be in a spool already
	withdrawn bool
	done      chan struct{}
}

// NewEmitter returns an Emitter that works while Run does. Metrics go to reg.
func NewEmitter(cfg LoggerConfig, log *slog.Logger, reg prometheus.Registerer) *Emitter {
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultWait
	}
	em := &Emitter{cfg: cfg, log: log, room: semaphore.NewWeighted(maxUnacked), wake: make(chan struct{}, 1)}
	auto := promauto.With(prometheus.WrapRegistererWithPrefix("chatlab_", reg))
	em.born = auto.NewCounter(prometheus.CounterOpts{Name: "events_born_total", Help: "Events handed to the pipe."})
	em.durable = auto.NewCounter(prometheus.CounterOpts{Name: "events_durable_total", Help: "Events that the logger acknowledged."})
	em.restarts = auto.NewCounter(prometheus.CounterOpts{Name: "logger_restarts_total", Help: "Loggers started after the first."})
	auto.NewGaugeFunc(prometheus.GaugeOpts{Name: "events_unacked", Help: "Events that wait for the logger's acknowledgement."}, em.unacked)
	return em
}

// Emit sends events and returns when all of them are durable in the logger's
// spool. An event without an ID gets one. Safe for many goroutines, whose
// lines share writes. Fails with code bad_event when an event breaks the
// line's rules (none is sent then), and with code unavailable when ctx or the
// configured timeout ends first: lines that were not written to the pipe are
// withdrawn, those that were stay until a logger has them, so such an event
// may or may not be stored, once.
func (em *Emitter) Emit(ctx context.Context, evs ...Event) error {
	items, err := pack(evs)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, em.cfg.Timeout)
	defer cancel()
	for i, it := range items {
		if err := em.enqueue(ctx, it); err != nil {
			em.withdraw(items[:i])
			return err
		}
	}
	for _, it := range items {
		select {
		case <-it.done:
		case <-ctx.Done():
			em.withdraw(items)
			return away(ctx.Err(), "an event is not durable in time")
		}
	}
	return nil
}

// Ready returns nil while a logger takes events, otherwise why it does not
// (code unavailable).
func (em *Emitter) Ready() error {
	em.mu.Lock()
	defer em.mu.Unlock()
	switch oldest := em.oldest(); {
	case em.closed:
		return away(nil, "stopping")
	case !em.ready:
		return away(nil, "the logger is not running")
	case oldest != nil && time.Since(oldest.since) > stallAfter:
		return away(nil, "the logger takes no events")
	}
	return nil
}

func away(cause error, why string) error {
	return errs.Wrap(cause, errs.Unavailable, "event log: %s", why).WithRetry(time.Second)
}

// pack encodes events into items of a bounded size.
func pack(evs []Event) ([]*item, error) {
	var items []*item
	now := time.Now()
	for _, e := range evs {
		if e.ID.IsZero() {
			e.ID = NewID(now)
		}
		if err := e.check(); err != nil {
			return nil, err
		}
		line := Append(nil, e)
		if len(line) > MaxLine {
			return nil, errs.E(errs.BadEvent, "event: line is longer than %d bytes", MaxLine)
		}
		if n := len(items); n > 0 && len(items[n-1].buf)+len(line) <= maxWrite {
			items[n-1].buf = append(items[n-1].buf, line...)
			items[n-1].n++
			continue
		}
		items = append(items, &item{buf: line, n: 1, since: now, done: make(chan struct{})})
	}
	return items, nil
}

func (em *Emitter) enqueue(ctx context.Context, it *item) error {
	if err := em.room.Acquire(ctx, int64(len(it.buf))); err != nil {
		return away(err, "too many events wait for the logger")
	}
	em.mu.Lock()
	defer em.mu.Unlock()
	if em.closed {
		em.room.Release(int64(len(it.buf)))
		return away(nil, "stopping")
	}
	em.queued = append(em.queued, it)
	em.waiting++
	em.born.Add(float64(it.n))
	em.poke()
	return nil
}

// withdraw takes back what no logger was sent.
func (em *Emitter) withdraw(items []*item) {
	em.mu.Lock()
	defer em.mu.Unlock()
	for _, it := range items {
		if it.sent || it.withdrawn {
			continue
		}
		em.room.Release(int64(len(it.buf)))
		it.withdrawn, it.buf = true, nil
		em.waiting--
	}
	if len(em.queued) > 2*em.waiting+64 {
		em.queued = slices.DeleteFunc(em.queued, func(it *item) bool { return it.withdrawn })
	}
	em.signalEmpty()
}

func (em *Emitter) poke() {
	select {
	case em.wake <- struct{}{}:
	default:
	}
}

// next moves queued items into buf and to written. Nothing due: empty.
func (em *Emitter) next(buf []byte) []byte {
	em.mu.Lock()
	defer em.mu.Unlock()
	i := 0
	for ; i < len(em.queued); i++ {
		it := em.queued[i]
		if it.withdrawn {
			continue
		}
		if len(buf) > 0 && len(buf)+len(it.buf) > maxWrite {
			break
		}
		buf = append(buf, it.buf...)
		em.waiting--
		em.lines += it.n
		it.end, it.sent = em.lines, true
		em.written = append(em.written, it)
	}
	clear(em.queued[:i])
	em.queued = em.queued[i:]
	return buf
}

// ack takes a logger's cumulative acknowledgement.
func (em *Emitter) ack(n uint64) error {
	em.mu.Lock()
	defer em.mu.Unlock()
	if n < em.acked || n > em.lines {
		return errs.E(errs.BadRequest, "the logger acknowledged %d lines after %d, of %d", n, em.acked, em.lines)
	}
	em.acked, em.ready = n, true
	i := 0
	for ; i < len(em.written) && em.written[i].end <= n; i++ {
		it := em.written[i]
		em.written[i] = nil
		em.room.Release(int64(len(it.buf)))
		em.durable.Add(float64(it.n))
		close(it.done)
	}
	em.written = em.written[i:]
	em.signalEmpty()
	return nil
}

// rewind makes all that a dead logger did not acknowledge due again.
func (em *Emitter) rewind() {
	em.mu.Lock()
	defer em.mu.Unlock()
	again := em.toResend()
	em.waiting += len(again)
	em.queued = append(again, em.queued...)
	em.written, em.lines, em.acked, em.ready = nil, 0, 0, false
	em.poke()
}

// drained returns a channel that closes when nothing waits, once closed to
// new events.
func (em *Emitter) drained() <-chan struct{} {
	em.mu.Lock()
	defer em.mu.Unlock()
	empty := make(chan struct{})
	em.closed, em.empty = true, empty
	em.signalEmpty()
	em.poke()
	return empty
}

func (em *Emitter) signalEmpty() {
	if em.empty != nil && em.waiting == 0 && len(em.written) == 0 {
		close(em.empty)
		em.empty = nil
	}
}

func (em *Emitter) oldest() *item {
	if len(em.written) > 0 {
		return em.written[0]
	}
	for _, it := range em.queued {
		if !it.withdrawn {
			return it
		}
	}
	return nil
}

func (em *Emitter) unacked() float64 {
	em.mu.Lock()
	defer em.mu.Unlock()
	n := uint64(0)
	for _, list := range [][]*item{em.written, em.queued} {
		for _, it := range list {
			if !it.withdrawn {
				n += it.n
			}
		}
	}
	return float64(n)
}

// readAcks hands each acknowledgement of r to take until one is bad or r ends.
func readAcks(r io.ByteReader, take func(uint64) error) error {
	line := make([]byte, 0, MaxAck)
	for {
		c, err := r.ReadByte()
		switch {
		case errors.Is(err, io.EOF) && len(line) == 0:
			return nil
		case err != nil:
			return err
		}
		line = append(line, c)
		if c != '\n' && len(line) < MaxAck {
			continue
		}
		n, err := ParseAck(line)
		if err != nil {
			return err
		}
		if err := take(n); err != nil {
			return err
		}
		line = line[:0]
	}
}
