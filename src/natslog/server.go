package natslog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"chatlab/src/chat"
	"chatlab/src/mtls"
)

// boot starts the embedded server and connects to it.
func (l *Log) boot(ctx context.Context) error {
	opts := &server.Options{
		ServerName: l.opts.Node, DontListen: true, NoSigs: true, NoSystemAccount: l.opts.Cluster == nil,
		JetStream: true, StoreDir: l.opts.Dir, DisableJetStreamBanner: true,
		SyncAlways:        l.opts.Cluster != nil, // a log of its own: see disk
		JetStreamMaxStore: l.opts.maxStore(), MaxPayload: stateBytes,
	}
	if l.opts.Cluster != nil {
		if err := l.opts.Cluster.join(opts); err != nil {
			return err
		}
	}
	var err error
	if l.server, err = server.NewServer(opts); err != nil {
		return err
	}
	said := &serverLog{to: l.logger, refused: mtls.NewRefusals(l.logger), broken: l.cannotWrite}
	l.server.SetLoggerV2(said, false, false, false)
	l.server.Start()
	if why := said.fatal.Load(); why != nil {
		return errors.New(*why)
	}
	deadline, _ := ctx.Deadline()
	if !l.server.ReadyForConnections(time.Until(deadline)) {
		return errors.New("the embedded server is not ready in time")
	}
	return l.connect()
}

// halt ends what boot began.
func (l *Log) halt() {
	if l.conn != nil {
		l.conn.Close()
	}
	if l.server != nil {
		l.server.Shutdown()
		l.server.WaitForShutdown()
	}
}

// start boots the server and makes the log known, in a cluster once its members are there.
func (l *Log) start(ctx context.Context) error {
	if err := l.boot(ctx); err != nil {
		return err
	}
	l.tasks.Go(l.probeStore)
	if l.opts.Cluster == nil {
		l.disk = newDisk(filepath.Join(l.opts.Dir, server.JetStreamStoreDir))
		l.tasks.Go(func() { l.disk.run(l.life.Done()) })
		if err := l.bring(context.WithoutCancel(ctx), getTimeout); err != nil {
			return err
		}
		return l.declare(ctx)
	}
	l.tasks.Go(l.declareInTime)
	return errors.Join(l.answerWho(), l.answerBrings())
}

func (l *Log) connect() (err error) {
	options := []nats.Option{nats.InProcessServer(l.server), nats.Name(l.opts.Node), nats.MaxReconnects(-1),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { l.logger.Debug("nats", "err", err) })}
	publishing := []jetstream.JetStreamOpt{jetstream.WithPublishAsyncMaxPending(maxPending)}
	if l.opts.Cluster != nil {
		options = append(options, nats.UserInfo(logUser, l.opts.Cluster.password))
		publishing = append(publishing, jetstream.WithPublishAsyncTimeout(publishTry))
	}
	l.conn, err = nats.Connect("", options...)
	if err != nil {
		return err
	}
	l.js, err = jetstream.New(l.conn, publishing...)
	return err
}

// declare makes stream and consumer what they have to be, and the log known.
func (l *Log) declare(ctx context.Context) error {
	if err := l.create(ctx); err != nil {
		return err
	}
	if err := l.look(ctx); err != nil {
		return err
	}
	close(l.declared)
	return nil
}

// create makes the log known, with its epochs and its cursor.
func (l *Log) create(ctx context.Context) error {
	var err error
	if l.stream, l.state, err = l.declareStreams(ctx); err != nil {
		return err
	}
	if err := l.findEpoch(ctx); err != nil {
		return fmt.Errorf("epochs: %w", err)
	}
	if err := l.placeEvents(ctx); err != nil {
		return fmt.Errorf("events: %w", err)
	}
	return nil
}

// declareStreams makes the stream and the bucket beside it what they have to be. It leaves
// them as they are while the log moves to this member alone:
// another may have the only replica.
func (l *Log) declareStreams(ctx context.Context) (log jetstream.Stream, state jetstream.KeyValue, err error) {
	if l.opts.Cluster.shrinks() {
		if log, err = l.js.Stream(ctx, streamName); err == nil {
			state, err = l.js.KeyValue(ctx, stateBucket)
		}
		return log, state, err
	}
	cfg := jetstream.StreamConfig{
		Name: streamName, Subjects: []string{subjects}, Storage: jetstream.FileStorage, Replicas: l.opts.Cluster.replicas(),
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew, Duplicates: chat.Window,
		AllowDirect: true, MaxMsgSize: maxPayload, RePublish: &jetstream.RePublish{Source: subjects, Destination: feedPrefix + "{{wildcard(1)}}"},
	}
	if log, err = l.js.CreateOrUpdateStream(ctx, cfg); err != nil {
		return nil, nil, fmt.Errorf("stream: %w", err)
	}
	bucket := jetstream.KeyValueConfig{Bucket: stateBucket, Storage: jetstream.FileStorage, Replicas: l.opts.Cluster.replicas()}
	if state, err = l.js.CreateOrUpdateKeyValue(ctx, bucket); err != nil {
		return nil, nil, fmt.Errorf("bucket: %w", err)
	}
	return log, state, nil
}

// serverLog gives the embedded server's log to slog; what it only notes is of
// no interest here. It keeps why the server gave up.
type serverLog struct {
	to      *slog.Logger
	refused *mtls.Refusals
	broken  func(error) // called when the server cannot write its files
	fatal   atomic.Pointer[string]
}

// badRoute matches the server's line of a route that TLS does not admit. A member tries
// again every second.
var badRoute = regexp.MustCompile(`^(\S+) - rid:\d+ - (TLS route handshake error: .*)$`)

func (s *serverLog) Noticef(format string, v ...any) {
	s.to.Debug("nats: " + fmt.Sprintf(format, v...))
}
func (s *serverLog) Warnf(format string, v ...any) { s.to.Warn("nats: " + fmt.Sprintf(format, v...)) }
func (s *serverLog) Errorf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	if m := badRoute.FindStringSubmatch(text); m != nil {
		s.refused.Say(m[1], errors.New(m[2]))
		return
	}
	s.to.Error("nats: " + text)
	if err := writeError(text); err != nil {
		s.broken(err)
	}
}
func (s *serverLog) Debugf(string, ...any) {}
func (s *serverLog) Tracef(string, ...any) {}

func (s *serverLog) Fatalf(format string, v ...any) {
	why := fmt.Sprintf(format, v...)
	s.fatal.Store(&why)
	s.to.Error("nats: " + why)
}

// maxStore returns JetStream's limit in bytes: the log, as much again for the Raft log
// of a cluster, and room for lines that are not trimmed yet. Without a limit nats-server
// takes 75 % of the space that is free at its start, and refuses lines when it is used.
func (o Options) maxStore() int64 {
	const room = 256 << 20
	if o.MaxBytes <= 0 || o.MaxBytes > (math.MaxInt64-room)/2 {
		return math.MaxInt64
	}
	return 2*o.MaxBytes + room
}
