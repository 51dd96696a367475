package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// StopLimit is how long the parts of a program have to end, once one has.
const StopLimit = 20 * time.Second

// Group runs the long-running parts of a program: the first that returns, with
// or without an error, stops all the others. Every goroutine of a program
// belongs to one.
type Group struct {
	Log *slog.Logger // of a daemon; nil: the program ends with its terminal

	parts []part
}

type part struct {
	name string
	run  func(context.Context) error
}

var errDone = errors.New("done")

// Add adds a part: run returns soon after its context ends.
func (g *Group) Add(name string, run func(context.Context) error) {
	g.parts = append(g.parts, part{name, run})
}

// Run runs the parts until one returns or ctx ends, waits for all, and returns
// the first error, which names the part. Parts that do not end within StopLimit
// are an error that names no part, and are left behind.
func (g *Group) Run(ctx context.Context) error {
	if g.Log != nil {
		g.Add("hangups", func(ctx context.Context) error { return Hangups(ctx, g.Log) })
	}
	group, gctx := errgroup.WithContext(ctx)
	for _, p := range g.parts {
		group.Go(func() error { return p.outcome(gctx) })
	}
	done := make(chan error, 1)
	go func() { done <- group.Wait() }()
	select {
	case err := <-done:
		return ended(err)
	case <-gctx.Done():
	}
	limit := time.NewTimer(StopLimit)
	defer limit.Stop()
	select {
	case err := <-done:
		return ended(err)
	case <-limit.C:
		return fmt.Errorf("not all parts stopped within %s", StopLimit)
	}
}

// Hangups logs each SIGHUP until ctx ends: the signal comes when a terminal is closed,
// and would end a daemon that was started there.
func Hangups(ctx context.Context, log *slog.Logger) error {
	came := make(chan os.Signal, 1)
	signal.Notify(came, syscall.SIGHUP)
	defer signal.Stop(came)
	for {
		select {
		case <-came:
			log.Info("SIGHUP: goes on; the configuration is read at start, keys and certificates whenever they change")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (p part) outcome(ctx context.Context) error {
	err := p.run(ctx)
	if err == nil || (ctx.Err() != nil && errors.Is(err, context.Canceled)) {
		return errDone
	}
	return fmt.Errorf("%s: %w", p.name, err)
}

func ended(err error) error {
	if errors.Is(err, errDone) {
		return nil
	}
	return err
}
