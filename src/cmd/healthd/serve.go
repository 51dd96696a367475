package main

import (
	"context"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"chatlab/src/app"
	"chatlab/src/errs"
	"chatlab/src/mtls"
	"chatlab/src/zbx"
)

func serve(ctx context.Context, env *app.Env) error {
	cfg := defaults()
	if err := env.Load(&cfg); err != nil {
		return err
	}
	log, err := env.Logger(cfg.LogLevel)
	if err != nil {
		return err
	}
	agent, err := newAgent(cfg)
	if err != nil {
		return err
	}
	defer agent.Close()
	allow, err := zbx.ParseAllow(cfg.Allow)
	if err != nil {
		return err
	}
	trappers, err := cfg.trappers()
	if err != nil {
		return err
	}
	encrypt, err := cfg.serverTLS()
	if err != nil {
		return err
	}
	ops, err := app.ListenOps(cfg.Ops.Listen, func(context.Context) error { return nil })
	if err != nil {
		return err
	}
	m := newMeasure(ops.Registry)
	server, err := zbx.Listen(cfg.Listen, m.handler(agent.checks.Value), zbx.Options{Allow: allow, TLS: encrypt, Refused: mtls.NewRefusals(log).Say})
	if err != nil {
		return err
	}
	log.Info("serving", "addr", server.Addr(), "ops", ops.Addr(), "node", cfg.Node, "tls", encrypt != nil, "version", app.Version())
	group := app.Group{Log: log}
	group.Add("checks", server.Serve)
	group.Add("ops", ops.Serve)
	for _, peer := range trappers {
		active := &zbx.Active{
			Peer: peer, Host: cfg.host(), Metadata: cfg.Active.Metadata, Handle: m.handler(agent.checks.Value),
			Refresh: cfg.Active.Refresh, Flush: cfg.Active.Flush, Buffer: cfg.Active.Buffer, Log: log,
		}
		group.Add("active checks", active.Run)
	}
	return group.Run(ctx)
}

func checkAddress(addr string) error {
	if host, port, err := net.SplitHostPort(addr); err != nil || host == "" || port == "" {
		return errs.E(errs.Usage, "%q is not the address of a Zabbix server", addr).WithFix("write it as HOST:10051")
	}
	return nil
}

// measure counts checks by outcome and times them.
type measure struct {
	count *prometheus.CounterVec
	ok    prometheus.Counter
	took  prometheus.Histogram
}

func newMeasure(reg prometheus.Registerer) *measure {
	auto := promauto.With(reg)
	m := &measure{
		count: auto.NewCounterVec(prometheus.CounterOpts{
			Namespace: "chatlab", Subsystem: "health", Name: "checks_total", Help: "Checks that were asked for, by result.",
		}, []string{"result"}),
		took: auto.NewHistogram(prometheus.HistogramOpts{
			Namespace: "chatlab", Subsystem: "health", Name: "check_seconds", Help: "Time of a check.", Buckets: prometheus.DefBuckets,
		}),
	}
	m.ok = m.count.WithLabelValues("ok")
	return m
}

func (m *measure) handler(handle zbx.Handler) zbx.Handler {
	return func(ctx context.Context, key string) (string, error) {
		began := time.Now()
		value, err := handle(ctx, key)
		m.took.Observe(time.Since(began).Seconds())
		if err != nil {
			m.count.WithLabelValues(string(errs.CodeOf(err))).Inc()
			return "", err
		}
		m.ok.Inc()
		return value, nil
	}
}
