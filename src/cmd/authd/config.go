package main

import (
	"context"

	"chatlab/src/auth"
	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/mariadb"
	"chatlab/src/sqlite"
)

// config holds authd's keys; app.Env.Load says where they come from.
type config struct {
	Listen string   `mapstructure:"listen" usage:"address of the HTTP API, host:port"`
	Also   []string `mapstructure:"also" usage:"further addresses of the HTTP API, which may be another machine's at the moment"`
	Ops    struct {
		Listen string `mapstructure:"listen" usage:"private address of /metrics, /healthz and /readyz"`
	} `mapstructure:"ops"`
	LogLevel string         `mapstructure:"log_level" usage:"debug, info, warn or error"`
	Database databaseConfig `mapstructure:"database"`
	Token    struct {
		KeyFile string `mapstructure:"key_file" usage:"file with a signing key a line; the first signs, all verify"`
	} `mapstructure:"token"`
	Password struct {
		MinLength int `mapstructure:"min_length" usage:"characters that a new password needs"`
	} `mapstructure:"password"`
	Limits auth.Limits        `mapstructure:"limits"`
	Logger event.LoggerConfig `mapstructure:"logger"`
}

type databaseConfig struct {
	Driver       string   `mapstructure:"driver" usage:"sqlite or mariadb"`
	Path         string   `mapstructure:"path" usage:"sqlite: the file"`
	Addresses    []string `mapstructure:"addresses" usage:"mariadb: host:port or unix socket, tried in order"`
	Name         string   `mapstructure:"name" usage:"mariadb: the database, which exists"`
	User         string   `mapstructure:"user" usage:"mariadb: who authd is there"`
	PasswordFile string   `mapstructure:"password_file" usage:"mariadb: file with a password a line, tried in order and followed live, so that it can be rotated"`
}

func defaults() *config {
	c := &config{Listen: "127.0.0.1:8081", LogLevel: "info", Limits: auth.DefaultLimits()}
	c.Ops.Listen = "127.0.0.1:9081"
	c.Database.Driver, c.Database.Name, c.Database.User = "sqlite", "chatlab", "chatlab"
	c.Password.MinLength = 8
	c.Logger.Command = "logger"
	return c
}

// validate names the first key that is missing.
func (c *config) validate() error {
	switch {
	case c.Token.KeyFile == "":
		return errs.E(errs.Usage, "token.key_file is not set")
	case c.Logger.Command == "":
		return errs.E(errs.Usage, "logger.command is not set")
	case c.Logger.Config == "":
		return errs.E(errs.Usage, "logger.config is not set")
	}
	return nil
}

// shared tells whether authd on other machines may use the database too. SQLite's
// is this one's alone, which counts what is limited without it.
func (c databaseConfig) shared() bool { return c.Driver == "mariadb" }

// opener returns how the configured database is opened. Fails with code usage.
func (c databaseConfig) opener() (opener, error) {
	switch c.Driver {
	case "sqlite":
		if c.Path == "" {
			return nil, errs.E(errs.Usage, "database.path is not set")
		}
		return func(ctx context.Context) (auth.Store, error) { return sqlite.Open(ctx, c.Path) }, nil
	case "mariadb":
		if len(c.Addresses) == 0 {
			return nil, errs.E(errs.Usage, "database.addresses is not set")
		}
		return func(ctx context.Context) (auth.Store, error) {
			return mariadb.Open(ctx, mariadb.Config{
				Addresses: c.Addresses, Name: c.Name, User: c.User, PasswordFile: c.PasswordFile,
			})
		}, nil
	}
	return nil, errs.E(errs.Usage, "database.driver %q is not sqlite or mariadb", c.Driver)
}
