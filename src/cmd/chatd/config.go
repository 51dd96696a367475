package main

import (
	"cmp"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/chat"
	"chatlab/src/client"
	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/mtls"
	"chatlab/src/natslog"
)

// config is chatd's configuration; `chatd --help` shows it.
type config struct {
	Listen string   `mapstructure:"listen" usage:"address of the chat listener"`
	Also   []string `mapstructure:"also" usage:"further addresses of the chat listener, which may be another machine's at the moment"`
	Ops    struct {
		Listen string `mapstructure:"listen" usage:"address of /metrics, /healthz and /readyz"`
	} `mapstructure:"ops"`
	TLS      mtls.Pair `mapstructure:"tls"`
	LogLevel string    `mapstructure:"log_level" usage:"debug, info, warn or error"`
	Node     string    `mapstructure:"node" usage:"this server's name, unique among all chatd (default: the host's name)"`
	DataDir  string    `mapstructure:"data_dir" usage:"folder of the chat log"`
	Cluster  struct {
		Listen     string `mapstructure:"listen" usage:"address for the other chatd (empty: there are none)"`
		PeersFile  string `mapstructure:"peers_file" usage:"file of all chatd, this one too: a node and its address for the others on each line; followed"`
		mtls.Files `mapstructure:",squash"`
	} `mapstructure:"cluster"`
	Token struct {
		KeyFile string `mapstructure:"key_file" usage:"file of the token keys, one a line"`
	} `mapstructure:"token"`
	Auth   authConfig         `mapstructure:"auth"`
	Logger event.LoggerConfig `mapstructure:"logger"`
	Limits limits             `mapstructure:"limits"`
}

// authConfig is how chatd learns whose tokens have ended.
type authConfig struct {
	Addresses  []string `mapstructure:"addresses" usage:"private addresses of the auth servers, host:port (empty: ended tokens are good until they expire)"`
	File       string   `mapstructure:"file" usage:"file that keeps whose tokens have ended (default: ended.json in data_dir)"`
	mtls.Files `mapstructure:",squash"`
}

// revocations returns how chatd learns whose tokens have ended. Fails with code usage.
func (c *config) revocations() (chat.Revocations, error) {
	if len(c.Auth.Addresses) == 0 {
		return chat.Revocations{}, nil
	}
	auth, err := client.NewEnded(c.Auth.Files, c.Auth.Addresses...)
	if err != nil {
		return chat.Revocations{}, err
	}
	return chat.Revocations{Fetch: auth.Fetch, File: cmp.Or(c.Auth.File, filepath.Join(c.DataDir, "ended.json"))}, nil
}

type limits struct {
	chat.Limits   `mapstructure:",squash"`
	EventsBacklog int64         `mapstructure:"events_backlog" usage:"lines whose event may wait before new lines are refused"`
	KeepAge       time.Duration `mapstructure:"keep_age" usage:"how long lines are kept (0: for ever)"`
	KeepBytes     int64         `mapstructure:"keep_bytes" usage:"how many bytes of lines are kept (0: all)"`
}

func defaults() *config {
	c := &config{Listen: "127.0.0.1:8082", LogLevel: "info", DataDir: "chatd-data"}
	c.Ops.Listen = "127.0.0.1:9082"
	c.Token.KeyFile = "jwt.key"
	c.Logger.Command = "logger"
	c.Limits = limits{
		Limits: chat.DefaultLimits(), EventsBacklog: 100_000,
		KeepAge: 30 * 24 * time.Hour, KeepBytes: 1 << 30,
	}
	return c
}

func (c *config) check() error {
	if c.Node == "" {
		name, err := os.Hostname()
		if err != nil {
			return errs.E(errs.Usage, "node is not set, and the host has no name: %w", err)
		}
		c.Node = name
	}
	if c.DataDir == "" {
		return errs.E(errs.Usage, "data_dir is not set")
	}
	if c.Cluster.Listen == "" && c.Cluster.PeersFile != "" {
		return errs.E(errs.Usage, "cluster.peers_file is set and cluster.listen is not").WithFix("set cluster.listen to this server's address among the peers")
	}
	if c.Limits.EventsBacklog <= 0 || c.Limits.KeepAge < 0 || c.Limits.KeepBytes < 0 {
		return errs.E(errs.Usage, "limits: events_backlog must be greater than 0, keep_age and keep_bytes not less")
	}
	return c.Limits.Check()
}

func (c *config) logOptions(logger *slog.Logger, reg prometheus.Registerer) natslog.Options {
	o := natslog.Options{
		Dir: c.DataDir, Node: c.Node,
		MaxAge: c.Limits.KeepAge, MaxBytes: c.Limits.KeepBytes, MaxBacklog: c.Limits.EventsBacklog,
		Logger: logger, Metrics: reg,
	}
	if c.Cluster.Listen != "" {
		o.Cluster = &natslog.Cluster{Listen: c.Cluster.Listen, PeersFile: c.Cluster.PeersFile, TLS: c.Cluster.Files}
	}
	return o
}
