// Package natslog is the chat log on JetStream: a NATS server embedded in the
// process, one stream, a subject chat.ROOM a room.
//
// # Durability
//
// A log of its own has one replica on files. A line is on disk before it is
// acknowledged, shown or emitted, so neither a kill -9 nor a power cut loses an
// acknowledged line: [disk] syncs the files. The server listens nowhere: the connection
// is a pipe in the process.
//
// # Cluster
//
// With [Options.Cluster] the servers of several processes are one: the stream
// has up to three replicas, and a line is acknowledged once the larger part of
// them has it on disk (JetStream's SyncAlways: one sync for each entry of the Raft log).
// A member that comes back reads such entries one by one, so it needs some seconds for
// each thousand lines. While less than the larger part can be reached, nothing is stored and every
// method fails with unavailable; it goes on by itself when they are back. Members
// come and go while it runs, with the file that names them: see [Cluster].
//
// # Following
//
// The stream's leader, or the one server, sends each line once it is stored ([NATS
// republish]). A follower reads the lines that it misses from a replica.
//
// # Events
//
// Every line is also an event for the event log. The emitter gets the lines that
// the follower had. One record in a bucket of JetStream names the member that emits and
// its cursor, the last line whose event is emitted: another member goes on from there
// when that one is gone. So a killed chatd loses none. An event that is emitted twice has the same id both times.
//
// # Retention
//
// Lines older than [Options.MaxAge] and beyond [Options.MaxBytes] are dropped,
// but never one whose event is not emitted: this package trims the stream
// itself, since the stream's own limits would not wait. When more than
// [Options.MaxBacklog] events wait, Publish refuses with unavailable instead.
//
// [NATS republish]: https://docs.nats.io/nats-concepts/jetstream/streams#republish
package natslog

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/chat"
	"chatlab/src/errs"
)

// Names in JetStream.
const (
	streamName  = "chat"
	stateBucket = "chatlog" // what the log keeps beside its lines
	subjects    = "chat.*"
	prefix      = "chat."
)

// Options says where the log is and how much it keeps.
type Options struct {
	Dir        string        // JetStream's files
	Node       string        // unique name of this server
	MaxAge     time.Duration // how long lines are kept
	MaxBytes   int64         // how many bytes of lines are kept
	MaxBacklog int64         // lines whose event may wait before new ones are refused
	Cluster    *Cluster      // the others; nil for a log of its own
	Logger     *slog.Logger
	Metrics    prometheus.Registerer
}

// Log is a [chat.Log] on JetStream.
type Log struct {
	opts     Options
	logger   *slog.Logger
	server   *server.Server
	conn     *nats.Conn
	js       jetstream.JetStream
	flow     flow // of the lines that are published
	stream   jetstream.Stream
	state    jetstream.KeyValue                   // what the log keeps beside its lines
	epochs   atomic.Pointer[epochs]               // nil until the log is known
	disk     *disk                                // of a log of its own; nil in a cluster
	store    store                                // whether files can be written
	emitter  emitter                              // the lease of the events, and their cursor
	recent   recent                               // lines that Follow gave
	seen     atomic.Pointer[jetstream.StreamInfo] // the stream, as watch saw it last
	reached  atomic.Bool                          // watch can see it now
	stored   atomic.Uint64                        // the last line that this server acknowledged
	followed atomic.Uint64                        // last line that Follow gave
	emitting sync.Mutex                           // held while Emit runs
	emits    atomic.Bool                          // Emit runs
	leaving  atomic.Bool                          // this member gives up what it leads
	cutAt    atomic.Int64                         // Unix nanoseconds when this server was last seen to be cut off
	users    atomic.Pointer[func(room string) []string]
	absent   map[string]time.Time // servers that nobody names, since when; only watch has it

	tasks        sync.WaitGroup
	life         context.Context // until Close
	stop         context.CancelFunc
	declared     chan struct{} // closed once the stream is known
	damagedLines prometheus.Gauge
	published    prometheus.Counter
	emitted      prometheus.Counter
	damaged      prometheus.Counter // cursors
}

const startTimeout = 30 * time.Second

// Open starts the server, and makes or finds the stream; in a cluster, which may lack its other members, that goes on in the background.
// Fails with code unavailable, and with usage when the folder or an address of
// the cluster cannot be used.
func Open(ctx context.Context, o Options) (*Log, error) {
	if err := os.MkdirAll(o.Dir, 0o750); err != nil {
		return nil, errs.E(errs.Usage, "chat log: %w", err).WithFix("set data_dir to a folder that chatd may write")
	}
	if o.Cluster != nil {
		o.Cluster.peers.recall(o.path("members"), o.kind() == memberLog)
		if err := o.Cluster.Prepare(o.Node); err != nil {
			return nil, err
		}
	}
	if err := o.claim(); err != nil {
		return nil, err
	}
	if err := o.convert(ctx); err != nil {
		return nil, err
	}
	l := &Log{opts: o, logger: o.Logger, store: newStore(), declared: make(chan struct{}), absent: map[string]time.Time{}}
	l.seen.Store(&jetstream.StreamInfo{})
	l.life, l.stop = context.WithCancel(context.Background())
	l.metrics(o.Metrics)
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := l.start(ctx); err != nil {
		l.Close()
		return nil, errs.Wrap(err, errs.Unavailable, "the chat log in %s does not start", o.Dir).WithFix("%s", o.mend())
	}
	return l, nil
}

// mend says what to do about files that JetStream cannot start with. What it can, it
// mends by itself.
func (o Options) mend() string {
	if o.Cluster != nil {
		return "if it is about its files, stop chatd, move that folder away and start chatd: it gets all lines from the others"
	}
	return "if it is about its files, stop chatd and put back a copy of that folder, or move it away and begin without its lines"
}

// Close stops the server. Lines that were acknowledged are in its files.
func (l *Log) Close() {
	l.stop()
	l.emitting.Lock()
	defer l.emitting.Unlock()
	l.tasks.Wait()
	l.halt()
}

// Ready tells why lines cannot be stored or their events not be emitted, or nil.
func (l *Log) Ready(ctx context.Context) error {
	if err := l.writable(); err != nil {
		return err
	}
	if _, err := l.Bounds(ctx); err != nil {
		return err
	}
	if !l.emits.Load() {
		return errs.E(errs.Unavailable, "the chat log's events are not followed")
	}
	return l.full()
}

// full refuses new lines while too many events wait.
func (l *Log) full() error {
	if l.backlog() < l.opts.MaxBacklog {
		return nil
	}
	return errs.E(errs.Unavailable, "the event log is behind, no line is taken").
		WithRetry(time.Second).WithFix("see the logger and logd")
}

// Bounds implements [chat.Log].
func (l *Log) Bounds(ctx context.Context) (chat.Bounds, error) {
	if err := l.known(); err != nil {
		return chat.Bounds{}, err
	}
	if l.cutOff(time.Now()) {
		return chat.Bounds{}, errCutOff()
	}
	var info *jetstream.StreamInfo
	err := l.ask(ctx, func(ctx context.Context) (err error) {
		info, err = l.stream.Info(ctx)
		return err
	})
	if err != nil {
		return chat.Bounds{}, l.away(ctx, err)
	}
	b := chat.Bounds{First: info.State.FirstSeq, Last: info.State.LastSeq}
	if info.State.Msgs == 0 {
		b.First = b.Last + 1
	}
	return b, l.onDisk(ctx, b.Last)
}

// known refuses until the stream is there.
func (l *Log) known() error {
	select {
	case <-l.declared:
		return nil
	default:
		return errs.E(errs.Unavailable, "the chat log waits for the other servers").
			WithRetry(time.Second).WithFix("start the other chatd, or see why they are not reached")
	}
}

// away hides a fault of JetStream from peers, and leaves the caller's own end.
func (l *Log) away(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return errs.Wrap(err, errs.Unavailable, "the chat log is away, try again later")
}
