// Package app is what every chatlab program starts with: main, signals,
// configuration, log, a group of long-running parts, and the ops listener.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"chatlab/src/errs"
)

// Env is all that a program takes from the outside, so that a test can give
// it others.
type Env struct {
	Name    string   // the program's name, as errors show it
	Args    []string // without the program's name
	Environ []string // KEY=value, as os.Environ
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
}

// Variable returns a variable of the environment, "" where there is none.
func (e *Env) Variable(name string) string {
	for _, kv := range e.Environ {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value
		}
	}
	return ""
}

// StateHome returns the folder for what a user's programs of chatlab keep outside of a
// checkout (XDG Base Directory Specification); "" where there is no home.
func (e *Env) StateHome() string {
	if dir := e.Variable("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "chatlab")
	}
	if home := e.Variable("HOME"); home != "" {
		return filepath.Join(home, ".local", "state", "chatlab")
	}
	return ""
}

// Main runs a program until it returns or SIGINT or SIGTERM ends its context,
// prints its error as `name: error: …` and `name: hint: …`, and returns the
// exit status: 0 all well, 1 failed, 2 it could not run, 130 interrupted. A second signal kills
// at once.
func Main(name string, run func(context.Context, *Env) error) int {
	env := &Env{
		Name: name, Args: os.Args[1:], Environ: os.Environ(),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the next signal has its default effect again
	err := run(ctx, env)
	if err != nil && ctx.Err() != nil {
		err = afterSignal(err)
	}
	Report(env, err)
	return ExitStatus(err)
}

// Report prints an error for people, in one line, and its fix in another.
func Report(env *Env, err error) {
	if err == nil || errors.Is(err, pflag.ErrHelp) {
		return
	}
	if text := strings.TrimSpace(err.Error()); text != "" {
		fmt.Fprintf(env.Stderr, "%s: error: %s\n", env.Name, text)
	}
	if fix := errs.FixOf(err); fix != "" {
		fmt.Fprintf(env.Stderr, "%s: hint: %s\n", env.Name, fix)
	}
}

// ErrInterrupted ends a program that a signal interrupted before it was done.
var ErrInterrupted = errors.New("interrupted")

// afterSignal returns the error of a program that a signal ended: that its context was
// cancelled need not be said.
func afterSignal(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, ErrInterrupted) {
		return ErrInterrupted
	}
	return fmt.Errorf("%w: %w", ErrInterrupted, err)
}

// ExitStatus gives the status of section 9 of the design: 0, 1, 2 or 130.
func ExitStatus(err error) int {
	switch {
	case err == nil || errors.Is(err, pflag.ErrHelp):
		return 0
	case errors.Is(err, ErrInterrupted):
		return 130
	case errs.Is(err, errs.Usage):
		return 2
	}
	return 1
}
