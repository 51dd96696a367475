package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"chatlab/src/app"
	"chatlab/src/errs"
	"chatlab/src/logd"
	"chatlab/src/mongodb"
	"chatlab/src/mtls"
	"chatlab/src/wait"
)

type config struct {
	Listen string `mapstructure:"listen" usage:"address for loggers"`
	Ops    struct {
		Listen string `mapstructure:"listen" usage:"address of /metrics, /healthz and /readyz"`
	} `mapstructure:"ops"`
	LogLevel  string            `mapstructure:"log_level" usage:"debug, info, warn or error"`
	TLS       mtls.Files        `mapstructure:"tls"`
	MongoDB   mongodb.Config    `mapstructure:"mongodb"`
	Retention mongodb.Retention `mapstructure:"retention"`
	// Trimmer is the account of the log database that may remove events.
	Trimmer struct {
		User         string `mapstructure:"user" usage:"user that removes events beyond the retention; mongodb.user where it is empty"`
		PasswordFile string `mapstructure:"password_file" usage:"file of its password"`
	} `mapstructure:"trimmer"`
}

// openTrimmer returns the log as the account that may remove events sees it, and how
// to close it.
func (c *config) openTrimmer(store *mongodb.Log) (*mongodb.Log, func(), error) {
	if c.Trimmer.User == "" || c.Retention == (mongodb.Retention{}) {
		return store, func() {}, nil
	}
	as := c.MongoDB
	as.User, as.PasswordFile = c.Trimmer.User, c.Trimmer.PasswordFile
	log, err := mongodb.Open(as)
	if err != nil {
		return nil, nil, err
	}
	return log, func() { _ = log.Close() }, nil
}

func run(ctx context.Context, env *app.Env) error {
	cfg := config{Listen: "127.0.0.1:8083", LogLevel: "info"}
	cfg.Ops.Listen = "127.0.0.1:9083"
	cfg.MongoDB = mongodb.Config{URI: "mongodb://127.0.0.1:27017/", Database: "chatlab", Collection: "Logdata"}
	if err := env.Load(&cfg); err != nil {
		return err
	}
	log, err := env.Logger(cfg.LogLevel)
	if err != nil {
		return err
	}
	store, err := mongodb.Open(cfg.MongoDB)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	trimmer, closeTrimmer, err := cfg.openTrimmer(store)
	if err != nil {
		return err
	}
	defer closeTrimmer()

	if cfg.Retention.Events < 0 || cfg.Retention.Age < 0 {
		return errs.E(errs.Usage, "retention: events and age cannot be negative").WithFix("set 0 to keep all")
	}
	host, _ := os.Hostname() // the address alone may be that of another machine's logd too
	store.KeepTail(host + " " + cfg.Listen)

	var server *logd.Server
	ops, err := app.ListenOps(cfg.Ops.Listen, func(ctx context.Context) error { return server.Ready(ctx) })
	if err != nil {
		return err
	}
	server, err = logd.Listen(cfg.Listen, cfg.TLS, store, log, ops.Registry)
	if err != nil {
		return err
	}
	retention := logd.NewRetention(trim(trimmer, cfg.Retention), log, ops.Registry)
	log.Info("logd listens", "addr", server.Addr(), "ops", ops.Addr())
	g := app.Group{Log: log}
	g.Add("ops", ops.Serve)
	g.Add("logd", server.Serve)
	g.Add("indexes", func(ctx context.Context) error { return keepIndexes(ctx, store, log) })
	g.Add("retention", retention.Run)
	return g.Run(ctx)
}

// trim returns the function that removes the events beyond a retention; nil: all
// events are kept.
func trim(store *mongodb.Log, keep mongodb.Retention) func(context.Context, func(int64)) error {
	if keep == (mongodb.Retention{}) {
		return nil
	}
	return func(ctx context.Context, removed func(int64)) error {
		return store.Trim(ctx, keep, time.Now(), removed)
	}
}

// keepIndexes creates the indexes once the database is there. Storing does not
// wait for them.
func keepIndexes(ctx context.Context, store *mongodb.Log, log *slog.Logger) error {
	for pause := (wait.Backoff{First: 100 * time.Millisecond, Last: 10 * time.Second}); ; {
		err := store.EnsureIndexes(ctx)
		if err == nil {
			<-ctx.Done()
			return nil
		}
		log.Debug("indexes not created yet", "err", err)
		if !pause.Sleep(ctx) {
			return nil
		}
	}
}
