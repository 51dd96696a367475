// Command authd is the auth server: it signs users up and in, and gives out the
// access tokens that the chat server takes.
package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"chatlab/src/app"
	"chatlab/src/auth"
	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/mtls"
	"chatlab/src/token"
)

func main() { os.Exit(app.Main("authd", run)) }

// answerLimit bounds the time from a request's header to the end of its answer.
const answerLimit = 30 * time.Second

// idleLimit ends connections that ask nothing.
const idleLimit = 10 * time.Second

// daemon is authd with its listeners bound.
type daemon struct {
	cfg     *config
	log     *slog.Logger
	ln      net.Listener
	tls     *tls.Config  // of ln; nil: plain HTTP
	private net.Listener // nil: none
	ops     *app.Ops
	store   auth.Store
	events  *event.Emitter
	svc     *auth.Service
	schema  atomic.Bool  // it is up to date
	whyNot  atomic.Value // string: the last answer of ready
}

func run(ctx context.Context, env *app.Env) error {
	cfg := defaults()
	if err := env.Load(cfg); err != nil {
		return err
	}
	if err := cfg.validate(); err != nil {
		return err
	}
	log, err := env.Logger(cfg.LogLevel)
	if err != nil {
		return err
	}
	d, err := listen(cfg, log)
	if err != nil {
		return err
	}
	log.Info("serving", "version", app.Version(), "addr", strings.Join(app.Addresses(d.ln), " "), "ops", d.ops.Addr(), "private", d.privateAddr())
	return d.serve(ctx)
}

// listen makes the parts and binds the listeners; the database may come later.
func listen(cfg *config, log *slog.Logger) (*daemon, error) {
	d := &daemon{cfg: cfg, log: log}
	var err error
	if d.tls, err = mtls.Public(cfg.TLS); err != nil {
		return nil, err
	}
	if d.store, err = cfg.Database.open(); err != nil {
		return nil, err
	}
	ring, err := token.OpenRing(cfg.Token.KeyFile, func(err error) {
		log.Error("the token keys are not updated", "err", err)
	})
	if err != nil {
		return nil, err
	}
	if d.ops, err = app.ListenOps(cfg.Ops.Listen, d.ready); err != nil {
		return nil, err
	}
	ring.Watch(d.ops.Registry)
	d.events = event.NewEmitter(cfg.Logger, log, d.ops.Registry)
	d.svc, err = auth.New(
		auth.Deps{Store: d.store, Ring: ring, Events: d.events, Log: log, Registry: d.ops.Registry},
		auth.Config{Password: cfg.Password, Limits: cfg.Limits, Params: auth.DefaultParams()})
	if err != nil {
		return nil, err
	}
	if d.ln, err = app.Listen(net.ListenConfig{}, cfg.Listen, cfg.Also...); err != nil {
		return nil, errs.E(errs.Usage, "listener: %w", err).WithFix("stop what holds the address, or set listen or also")
	}
	return d, d.listenPrivate()
}

// ready is called by the ops listener, which serves once all parts are there. It logs
// each change of the answer.
func (d *daemon) ready(ctx context.Context) error {
	err := d.svc.Ready(ctx)
	if err == nil && !d.schema.Load() { // a migration may be half done: the tables that Ready tries are there already
		err = errs.E(errs.Unavailable, "the database's schema is not complete yet")
	}
	d.noteReady(err)
	return err
}

// noteReady logs that authd can, or cannot any more, do its work.
func (d *daemon) noteReady(err error) {
	why := ""
	if err != nil {
		why = errs.Public(err)
	}
	if before, _ := d.whyNot.Swap(why).(string); before == why {
		return
	}
	if err != nil {
		d.log.Warn("not ready", "err", err)
	} else {
		d.log.Info("ready")
	}
}

// reserve is how many descriptors are not for clients: of the database, the logger,
// the private and the ops listener.
const reserve = 128

// doors limits the connections of clients, below what the descriptors allow.
func (d *daemon) doors() net.Listener {
	refused := promauto.With(d.ops.Registry).NewCounterVec(prometheus.CounterOpts{
		Name: "chatlab_auth_connections_refused_total", Help: "Connections closed unread, by code: rate_limited (of the address) or unavailable (in all).",
	}, []string{"code"})
	refused.WithLabelValues(string(errs.RateLimited))
	refused.WithLabelValues(string(errs.Unavailable))
	most := d.cfg.Limits.Connections
	if files := app.Descriptors(); files < most+reserve {
		most = max(1, files-reserve)
		d.log.Warn("fewer connections than limits.connections", "connections", most, "descriptors", files)
	}
	ln := app.NewDoors(d.cfg.Limits.PerAddress, most).Listen(d.ln, func(err error) {
		refused.WithLabelValues(string(errs.CodeOf(err))).Inc()
	})
	if d.tls == nil {
		return ln
	}
	return tls.NewListener(ln, d.tls) // the server makes each handshake on the connection's goroutine
}

// publicServer serves users. It bounds handshakes as it bounds headers.
func (d *daemon) publicServer() *http.Server {
	s := d.server(d.svc.Handler())
	s.ErrorLog = d.refusalLog(s.ErrorLog)
	return s
}

// serve runs until ctx ends. The event log and the database outlive the HTTP
// server, whose last requests need them.
func (d *daemon) serve(ctx context.Context) error {
	rest, drained := context.WithCancel(context.WithoutCancel(ctx))
	group := app.Group{Log: d.log}
	ln := d.doors()
	group.Add("http", func(ctx context.Context) error {
		defer drained()
		return app.ServeHTTP(ctx, ln, d.publicServer())
	})
	if d.private != nil {
		group.Add("private", func(ctx context.Context) error { return app.ServeHTTP(ctx, d.private, d.privateServer()) })
	}
	group.Add("ops", d.ops.Serve)
	group.Add("events", func(context.Context) error { return d.events.Run(rest) })
	group.Add("limits", d.svc.Run)
	group.Add("database", func(ctx context.Context) error { return d.keepStore(ctx, rest) })
	return group.Run(ctx)
}

// server serves one of the HTTP APIs.
func (d *daemon) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, WriteTimeout: answerLimit, IdleTimeout: idleLimit, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(d.log.Handler(), slog.LevelWarn),
	}
}
