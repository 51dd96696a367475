package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/app"
	"chatlab/src/errs"
	"chatlab/src/health"
	"chatlab/src/zbx"
)

// config is healthd's configuration.
type config struct {
	Listen string `mapstructure:"listen" usage:"host:port for passive checks"`
	Ops    struct {
		Listen string `mapstructure:"listen" usage:"host:port of /metrics, /healthz and /readyz"`
	} `mapstructure:"ops"`
	LogLevel string          `mapstructure:"log_level" usage:"debug, info, warn or error"`
	Node     string          `mapstructure:"node" usage:"this machine's name in the lab"`
	Allow    []string        `mapstructure:"allow" usage:"addresses, networks and names that may ask"`
	Services health.Services `mapstructure:"services"`
}

func defaults() config {
	c := config{Listen: "127.0.0.1:10060", LogLevel: "info", Node: "local", Allow: []string{"127.0.0.1"}}
	c.Ops.Listen = "127.0.0.1:9060"
	return c
}

func registry(cfg config) (*health.Registry, error) {
	up, err := health.NewUp(cfg.Services)
	if err != nil {
		return nil, err
	}
	discovery, err := health.NewDiscovery(cfg.Node, cfg.Services)
	if err != nil {
		return nil, err
	}
	return health.NewRegistry(health.Ping{}, health.AgentVersion(app.Version()), up, discovery), nil
}

func serve(ctx context.Context, env *app.Env) error {
	cfg := defaults()
	if err := env.Load(&cfg); err != nil {
		return err
	}
	log, err := env.Logger(cfg.LogLevel)
	if err != nil {
		return err
	}
	checks, err := registry(cfg)
	if err != nil {
		return err
	}
	allow, err := zbx.ParseAllow(cfg.Allow)
	if err != nil {
		return err
	}
	ops, err := app.ListenOps(cfg.Ops.Listen, func(context.Context) error { return nil })
	if err != nil {
		return err
	}
	server, err := zbx.Listen(cfg.Listen, measured(checks.Value, ops.Registry), zbx.Options{Allow: allow})
	if err != nil {
		return err
	}
	log.Info("serving", "address", server.Addr(), "ops", ops.Addr(), "node", cfg.Node, "version", app.Version())
	var group app.Group
	group.Add("checks", server.Serve)
	group.Add("ops", ops.Serve)
	return group.Run(ctx)
}

// measured counts checks by outcome and times them.
func measured(handle zbx.Handler, reg prometheus.Registerer) zbx.Handler {
	count := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "chatlab", Subsystem: "health", Name: "checks_total", Help: "Checks that were asked for, by result.",
	}, []string{"result"})
	took := prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: "chatlab", Subsystem: "health", Name: "check_seconds", Help: "Time of a check.", Buckets: prometheus.DefBuckets,
	})
	reg.MustRegister(count, took)
	ok := count.WithLabelValues("ok")
	return func(ctx context.Context, key string) (string, error) {
		began := time.Now()
		value, err := handle(ctx, key)
		took.Observe(time.Since(began).Seconds())
		if err != nil {
			count.WithLabelValues(string(errs.CodeOf(err))).Inc()
			return "", err
		}
		ok.Inc()
		return value, nil
	}
}
