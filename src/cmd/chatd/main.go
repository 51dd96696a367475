// Command chatd is the chat server: rooms over TCP for users with an access token.
// Its log of rooms is an embedded NATS JetStream; every line of it also goes to
// the event log.
package main

import (
	"context"
	"log/slog"
	"os"

	"chatlab/src/app"
	"chatlab/src/chat"
	"chatlab/src/event"
	"chatlab/src/mtls"
	"chatlab/src/natslog"
	"chatlab/src/token"
)

func main() { os.Exit(app.Main("chatd", run)) }

// daemon is chatd with its listeners bound and its log open.
type daemon struct {
	ops    *app.Ops
	log    *natslog.Log
	chat   *chat.Server
	events *event.Emitter

	stopEvents context.CancelFunc
	eventsEnd  chan error // of the emitter's run
}

func run(ctx context.Context, env *app.Env) error {
	cfg := defaults()
	if err := env.Load(cfg); err != nil {
		return err
	}
	if err := cfg.check(); err != nil {
		return err
	}
	logger, err := env.Logger(cfg.LogLevel)
	if err != nil {
		return err
	}
	d, err := open(ctx, cfg, logger)
	if err != nil {
		return err
	}
	defer d.log.Close()
	logger.Info("serving", "version", app.Version(), "addr", d.chat.Addr(), "ops", d.ops.Addr())
	return d.serve(ctx, logger)
}

// open makes the parts and binds the listeners.
func open(ctx context.Context, cfg *config, logger *slog.Logger) (*daemon, error) {
	ring, err := token.OpenRing(cfg.Token.KeyFile, func(err error) {
		logger.Error("the token keys are not updated", "err", err)
	})
	if err != nil {
		return nil, err
	}
	d := &daemon{eventsEnd: make(chan error, 1)}
	if d.ops, err = app.ListenOps(cfg.Ops.Listen, d.ready); err != nil {
		return nil, err
	}
	ring.Watch(d.ops.Registry)
	d.events = event.NewEmitter(cfg.Logger, logger, d.ops.Registry)
	if err := d.openLog(ctx, cfg, ring, logger); err != nil {
		return nil, err
	}
	return d, nil
}

// openLog opens the log and what serves it. The logger, which takes its time as
// well, starts meanwhile, and ends again when the log cannot be opened.
func (d *daemon) openLog(ctx context.Context, cfg *config, ring *token.Ring, logger *slog.Logger) (err error) {
	emitting, stop := context.WithCancel(context.WithoutCancel(ctx))
	d.stopEvents = stop
	go func() { d.eventsEnd <- d.events.Run(emitting) }()
	defer func() {
		if err != nil {
			stop()
			<-d.eventsEnd
		}
	}()
	secure, err := mtls.Public(cfg.TLS)
	if err != nil {
		return err
	}
	revocations, err := cfg.revocations()
	if err != nil {
		return err
	}
	o := cfg.logOptions(logger, d.ops.Registry)
	if d.log, err = natslog.Open(ctx, o); err != nil {
		return err
	}
	var others chat.Presence
	if o.Cluster != nil {
		others = d.log
	}
	d.chat, err = chat.New(chat.Options{
		Listen: cfg.Listen, Also: cfg.Also, TLS: secure, Log: d.log, Presence: others, Tokens: ring, Limits: cfg.Limits.Limits,
		Metrics: d.ops.Registry, Logger: logger, Revocations: revocations,
	})
	if err != nil {
		d.log.Close()
		return err
	}
	d.log.Presence(d.chat.Users)
	return nil
}

// ready is called by the ops listener, which serves once all parts are there.
func (d *daemon) ready(ctx context.Context) error {
	if err := d.log.Ready(ctx); err != nil {
		return err
	}
	if err := d.chat.Ready(); err != nil {
		return err
	}
	return d.events.Ready()
}

// serve runs until ctx ends, and stops from the clients inwards: sessions, once
// another server leads the log, then the reading of events, then the logger.
// The log is closed by the caller.
func (d *daemon) serve(ctx context.Context, log *slog.Logger) error {
	after := context.WithoutCancel(ctx)
	reading, sessionsEnded := context.WithCancel(after)
	defer d.stopEvents()
	defer sessionsEnded()
	group := app.Group{Log: log}
	group.Add("chat", func(ctx context.Context) error {
		defer sessionsEnded()
		serving, stop := context.WithCancel(after)
		defer stop()
		defer context.AfterFunc(ctx, func() {
			d.log.HandOver()
			stop()
		})()
		return d.chat.Serve(serving)
	})
	group.Add("log", func(context.Context) error {
		defer d.stopEvents()
		return d.log.Emit(reading, d.events)
	})
	group.Add("events", func(context.Context) error { return <-d.eventsEnd })
	group.Add("ops", d.ops.Serve)
	return group.Run(ctx)
}
