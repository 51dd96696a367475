package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"chatlab/src/app"
	"chatlab/src/logger"
)

type config struct {
	logger.Config `mapstructure:",squash"`
	Ops           struct {
		Listen string `mapstructure:"listen" usage:"address of /metrics, /healthz and /readyz (none: not served)"`
	} `mapstructure:"ops"`
	LogLevel string `mapstructure:"log_level" usage:"debug, info, warn or error"`
}

// about is what --help says before the flags.
const about = `Logger reads event lines from standard input, keeps them in a spool on disk,
answers "ack N" on standard output once N lines are safe there, and relays them
to a log server. authd and chatd start it; by hand:

  echo '0/auth/signin/kim/success' | logger --config logger.yaml --spool.dir DIR

It ends with its input: status 0 once every line is in the spool, 1 when a line
was no event (the reason is on standard error, the line in DIR/rejected). What a
log server has not stored within one second more is relayed by the next logger
with the same DIR. One logger uses a DIR at a time; a second one waits 10 s.

`

func run(ctx context.Context, env *app.Env) error {
	// Acknowledgements that nobody reads are no reason to die.
	signal.Ignore(syscall.SIGPIPE)
	if slices.Contains(env.Args, "--help") || slices.Contains(env.Args, "-h") {
		_, _ = fmt.Fprint(env.Stdout, about)
	}
	cfg := config{LogLevel: "info"}
	cfg.Spool.MaxBytes = 256 << 20
	if err := env.Load(&cfg); err != nil {
		return err
	}
	log, err := env.Logger(cfg.LogLevel)
	if err != nil {
		return err
	}
	l, err := logger.New(ctx, cfg.Config, log.With("part", "logger"))
	if err != nil {
		return err
	}
	g := app.Group{Log: log}
	if cfg.Ops.Listen != "" {
		// Only now: the spool's lock says that the logger before us is gone.
		ops, err := app.ListenOps(cfg.Ops.Listen, l.Ready)
		if err != nil {
			return err
		}
		l.Register(ops.Registry)
		g.Add("ops", ops.Serve)
	}
	g.Add("logger", func(ctx context.Context) error { return l.Run(ctx, stoppable(env.Stdin), env.Stdout) })
	return g.Run(ctx)
}

// stoppable lets a read of a pipe be ended by a deadline. Other files are left
// as they are: a terminal is not ours alone.
func stoppable(in io.Reader) io.Reader {
	f, ok := in.(*os.File)
	if !ok {
		return in
	}
	if f.SetReadDeadline(time.Time{}) == nil {
		return f
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return in
	}
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		return in
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd)
		return in
	}
	return os.NewFile(uintptr(fd), f.Name())
}
