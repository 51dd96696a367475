package main

import (
	"chatlab/src/auth"
	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/mtls"
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
	TLS      mtls.Pair          `mapstructure:"tls"`
	Private  privateConfig      `mapstructure:"private"`
	Password auth.Password      `mapstructure:"password"`
	Limits   auth.Limits        `mapstructure:"limits"`
	Logger   event.LoggerConfig `mapstructure:"logger"`
}

// privateConfig is the listener by which the chat servers learn whose tokens have ended.
type privateConfig struct {
	Listen     string `mapstructure:"listen" usage:"private address for the chat servers, with mutual TLS (empty: none)"`
	mtls.Files `mapstructure:",squash"`
}

type databaseConfig struct {
	Driver       string   `mapstructure:"driver" usage:"sqlite or mariadb"`
	Path         string   `mapstructure:"path" usage:"sqlite: the file"`
	Addresses    []string `mapstructure:"addresses" usage:"mariadb: host:port or unix socket, tried in order"`
	Name         string   `mapstructure:"name" usage:"mariadb: the database, which exists"`
	User         string   `mapstructure:"user" usage:"mariadb: who authd is there"`
	PasswordFile string   `mapstructure:"password_file" usage:"mariadb: file with a password a line, tried in order and followed live, so that it can be rotated"`

	SchemaUser         string `mapstructure:"schema_user" usage:"mariadb: the account that makes and changes the tables, so that user needs no right to (empty: user)"`
	SchemaPasswordFile string `mapstructure:"schema_password_file" usage:"mariadb: as password_file, of schema_user"`
}

func defaults() *config {
	c := &config{Listen: "127.0.0.1:8081", LogLevel: "info", Limits: auth.DefaultLimits()}
	c.Ops.Listen = "127.0.0.1:9081"
	c.Database.Driver, c.Database.Name, c.Database.User = "sqlite", "chatlab", "chatlab"
	c.Password = auth.Password{MinLength: 8, RefuseCommon: true}
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
