package logger

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"chatlab/src/errs"
	"chatlab/src/files"
	"chatlab/src/mtls"
)

// Config is what a logger needs to know.
type Config struct {
	Spool struct {
		Dir      string `mapstructure:"dir" usage:"folder of the spool, one for each logger"`
		MaxBytes int64  `mapstructure:"max_bytes" usage:"size in bytes at which the spool is full and the pipe blocks (at least 1048576)"`
	} `mapstructure:"spool"`
	Logd []string   `mapstructure:"logd" usage:"log servers, host:port, tried in this order (none: events stay in the spool)"`
	TLS  mtls.Files `mapstructure:"tls"`
}

// Logger owns a spool.
type Logger struct {
	log      *slog.Logger
	dir      string
	spool    *spool
	lock     *files.Lock
	rejected *aside
	logd     []string
	files    mtls.Files
	tls      *tls.Config
	metrics  *metrics
	pace     pace
}

// New opens the spool, once no other logger uses it (it waits 10 s), and reads
// the certificates. Fails with code usage.
func New(ctx context.Context, cfg Config, log *slog.Logger) (*Logger, error) {
	if cfg.Spool.Dir == "" {
		return nil, errs.E(errs.Usage, "spool.dir is not set")
	}
	l := &Logger{log: log, dir: cfg.Spool.Dir, logd: cfg.Logd, files: cfg.TLS, metrics: newMetrics(), pace: defaultPace()}
	if len(cfg.Logd) > 0 {
		var err error
		if l.tls, err = mtls.Client(cfg.TLS, mtls.Logd); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(cfg.Spool.Dir, 0o700); err != nil {
		return nil, errs.E(errs.Usage, "spool: %w", err)
	}
	var err error
	if l.lock, err = lock(ctx, cfg.Spool.Dir); err != nil {
		return nil, err
	}
	l.spool, err = openSpool(cfg.Spool.Dir, cfg.Spool.MaxBytes, log, func(int64) { l.metrics.damaged.Inc() })
	if err != nil {
		l.lock.Unlock()
		return nil, err
	}
	l.rejected = newAside(cfg.Spool.Dir, "rejected")
	return l, nil
}

// Run takes lines from in, acknowledges them on out, and relays them, until in
// ends or ctx does. Then everything read is durable; it goes on relaying for
// one second at the most while a log server answers, and the rest waits in the
// spool for the next logger. Fails with code bad_event, after all that, when
// lines were refused. The spool is closed when it returns: call it once.
func (l *Logger) Run(ctx context.Context, in io.Reader, out io.Writer) error {
	defer l.lock.Unlock()
	relayCtx, stopRelay := context.WithCancel(context.WithoutCancel(ctx))
	defer stopRelay()
	r := newRelay(l)
	var relaying sync.WaitGroup
	var relayErr error
	intakeCtx, stopIntake := context.WithCancel(ctx)
	defer stopIntake()
	relaying.Go(func() {
		relayErr = r.run(relayCtx)
		if relayErr != nil {
			stopIntake() // the spool cannot be read: the next logger looks at it anew
		}
	})
	acks := newAckWriter(out, l.log)
	refused, err := newIntake(l).run(intakeCtx, in, acks)
	within(time.Second, acks.done)
	// Nothing is added any more: relay the rest, as long as that works.
	close(r.finish)
	limit := time.AfterFunc(l.pace.last, stopRelay)
	defer limit.Stop()
	relayed := make(chan struct{})
	go func() {
		relaying.Wait()
		close(relayed)
	}()
	leaveWhenWanted(l.dir, relayed, stopRelay)
	if err = errors.Join(err, relayErr, l.spool.close()); err == nil && refused > 0 {
		err = errs.E(errs.BadEvent, "%d lines were no events: see %s", refused, l.rejected.path)
	}
	return err
}

func within(d time.Duration, done <-chan struct{}) {
	select {
	case <-done:
	case <-time.After(d):
	}
}

// Ready tells why the logger takes no events, or nil.
func (l *Logger) Ready(context.Context) error {
	if l.spool.isFull() {
		return errs.E(errs.Unavailable, "the spool is full")
	}
	return nil
}

// reject reports a line that is no event and sets it aside.
func (l *Logger) reject(from, why string, line []byte) {
	l.metrics.rejected.Inc()
	l.log.Error("line rejected", "from", from, "reason", why, "kept_in", l.rejected.path)
	if err := l.rejected.keep(fmt.Sprintf("%s: %s", from, why), line[:min(len(line), asideHead)]); err != nil {
		l.log.Error("the rejected line could not be kept", "err", err)
	}
}

// metrics of a logger.
type metrics struct {
	registry                             *prometheus.Registry
	received, rejected, relayed, damaged prometheus.Counter
	connected                            prometheus.Gauge
}

func newMetrics() *metrics {
	registry := prometheus.NewRegistry()
	auto := promauto.With(registry)
	return &metrics{
		registry:  registry,
		received:  auto.NewCounter(prometheus.CounterOpts{Name: "received_total", Help: "Events taken from the pipe."}),
		rejected:  auto.NewCounter(prometheus.CounterOpts{Name: "rejected_total", Help: "Lines that were no events, or that a log server refused."}),
		relayed:   auto.NewCounter(prometheus.CounterOpts{Name: "relayed_total", Help: "Events that a log server has stored."}),
		damaged:   auto.NewCounter(prometheus.CounterOpts{Name: "damaged_total", Help: "Damaged places found in the spool."}),
		connected: auto.NewGauge(prometheus.GaugeOpts{Name: "connected", Help: "1 while connected to a log server."}),
	}
}

// Register adds the logger's metrics to a registry.
func (l *Logger) Register(reg prometheus.Registerer) {
	reg = prometheus.WrapRegistererWithPrefix("chatlab_logger_", reg)
	reg.MustRegister(l.metrics.registry)
	auto := promauto.With(reg)
	auto.NewGaugeFunc(prometheus.GaugeOpts{Name: "spool_full", Help: "1 while the pipe is not read, for want of room."}, func() float64 {
		if l.spool.isFull() {
			return 1
		}
		return 0
	})
	auto.NewGaugeFunc(prometheus.GaugeOpts{Name: "spool_bytes", Help: "Bytes on disk."},
		func() float64 { _, total := l.spool.backlog(); return float64(total) })
	auto.NewGaugeFunc(prometheus.GaugeOpts{Name: "backlog_bytes", Help: "Bytes that no log server has stored yet."},
		func() float64 { waiting, _ := l.spool.backlog(); return float64(waiting) })
}
