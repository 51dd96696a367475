// Command authd is the auth server: it signs users up and in, and gives out the
// access tokens that the chat server takes.
package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"chatlab/src/app"
	"chatlab/src/auth"
	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/token"
)

func main() { os.Exit(app.Main("authd", run)) }

// answerLimit bounds the time from a request's header to the end of its answer.
const answerLimit = 30 * time.Second

// daemon is authd with its listeners bound.
type daemon struct {
	cfg    *config
	log    *slog.Logger
	ln     net.Listener
	ops    *app.Ops
	store  *lateStore
	events *event.Emitter
	svc    *auth.Service
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
	log.Info("serving", "version", app.Version(), "addr", strings.Join(app.Addresses(d.ln), " "), "ops", d.ops.Addr())
	return d.serve(ctx)
}

// listen makes the parts and binds the listeners; the database may come later.
func listen(cfg *config, log *slog.Logger) (*daemon, error) {
	open, err := cfg.Database.opener()
	if err != nil {
		return nil, err
	}
	ring, err := token.OpenRing(cfg.Token.KeyFile, func(err error) {
		log.Error("the token keys are not updated", "err", err)
	})
	if err != nil {
		return nil, err
	}
	d := &daemon{cfg: cfg, log: log, store: &lateStore{open: open, log: log}}
	if d.ops, err = app.ListenOps(cfg.Ops.Listen, d.ready); err != nil {
		return nil, err
	}
	d.events = event.NewEmitter(cfg.Logger, log, d.ops.Registry)
	deps := auth.Deps{Store: d.store, Ring: ring, Events: d.events, Log: log, Registry: d.ops.Registry}
	if cfg.Database.shared() {
		deps.Failures, deps.Grants = d.store, d.store
	}
	d.svc, err = auth.New(deps, auth.Config{MinPassword: cfg.Password.MinLength, Limits: cfg.Limits, Params: auth.DefaultParams()})
	if err != nil {
		return nil, err
	}
	if d.ln, err = app.Listen(net.ListenConfig{}, cfg.Listen, cfg.Also...); err != nil {
		return nil, errs.E(errs.Usage, "listener: %w", err).WithFix("stop what holds the address, or set listen or also")
	}
	return d, nil
}

// ready is called by the ops listener, which serves once all parts are there.
func (d *daemon) ready(ctx context.Context) error { return d.svc.Ready(ctx) }

// serve runs until ctx ends. The event log and the database outlive the HTTP
// server, whose last requests need them.
func (d *daemon) serve(ctx context.Context) error {
	rest, drained := context.WithCancel(context.WithoutCancel(ctx))
	var group app.Group
	group.Add("http", func(ctx context.Context) error {
		defer drained()
		return app.ServeHTTP(ctx, d.ln, &http.Server{
			Handler: d.svc.Handler(), WriteTimeout: answerLimit, MaxHeaderBytes: 16 << 10,
			ErrorLog: slog.NewLogLogger(d.log.Handler(), slog.LevelDebug),
		})
	})
	group.Add("ops", d.ops.Serve)
	group.Add("events", func(context.Context) error { return d.events.Run(rest) })
	group.Add("limits", d.svc.Run)
	group.Add("database", func(ctx context.Context) error { return d.store.run(ctx, rest) })
	return group.Run(ctx)
}
