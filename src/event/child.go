package event

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"chatlab/src/errs"
	"chatlab/src/wait"
)

// How loggers are started and ended.
const (
	backoffMin = 5 * time.Millisecond // before a dead logger's successor…
	backoffMax = time.Second          // …doubling to this while they keep dying
	exitLimit  = 5 * time.Second      // for a logger to end after its pipe has
)

// Run keeps a logger running until ctx ends; then it refuses new events, waits
// for the acknowledgements that are due (at most cfg.Timeout), ends the logger by
// closing its pipe, and waits for it. Fails with code usage when there is no
// such program, and with code unavailable when events were left unacknowledged.
func (em *Emitter) Run(ctx context.Context) error {
	if _, err := exec.LookPath(em.cfg.Command); err != nil {
		em.drained()
		return errs.E(errs.Usage, "logger: %w", err).WithFix("set logger.command to the logger binary")
	}
	// Loggers outlive ctx: the last lines are flushed through one.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		em.keep(life)
	}()
	<-ctx.Done()
	select {
	case <-em.drained():
	case <-time.After(em.cfg.Timeout):
	}
	end()
	<-stopped
	if n := em.unacked(); n > 0 {
		return errs.E(errs.Unavailable, "event log: %.0f events were not acknowledged at the end", n)
	}
	return nil
}

// keep runs one logger after the other until ctx ends.
func (em *Emitter) keep(ctx context.Context) {
	pause := wait.Backoff{First: backoffMin, Last: backoffMax}
	for first := true; ; first = false {
		if !first {
			em.restarts.Inc()
		}
		took, err := em.runOne(ctx)
		if ctx.Err() != nil {
			return
		}
		if took {
			pause.Reset()
		}
		next := pause.Next()
		em.log.Warn("logger ended; starting another", "err", err, "retry", next)
		if !wait.Sleep(ctx, next) {
			return
		}
	}
}

// runOne runs a logger until it ends or ctx does, and tells whether it ever
// acknowledged anything.
func (em *Emitter) runOne(ctx context.Context) (took bool, err error) {
	cmd := exec.Command(em.cfg.Command, "--config", em.cfg.Config)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return false, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := cmd.Start(); err != nil {
		return false, err
	}
	gone := make(chan struct{}) // the logger's acknowledgements ended
	written := make(chan struct{})
	go func() {
		defer close(written)
		em.write(ctx, in, gone)
	}()
	// The context's end closes the pipe (in write); this is for a logger that
	// does not end then.
	stop := context.AfterFunc(ctx, func() { endProcess(cmd.Process, gone) })
	ackErr := readAcks(bufio.NewReaderSize(out, 4096), func(n uint64) error {
		took = true
		return em.ack(n)
	})
	if ackErr != nil {
		_ = cmd.Process.Kill() // it does not speak the protocol
	}
	close(gone)
	_ = in.Close() // ends a write that is under way
	<-written
	err = waitFor(cmd)
	stop()
	em.rewind()
	return took, errors.Join(ackErr, err)
}

// write sends waiting events until the logger is gone or ctx ends.
func (em *Emitter) write(ctx context.Context, in io.WriteCloser, gone <-chan struct{}) {
	defer func() { _ = in.Close() }()
	unblock := context.AfterFunc(ctx, func() { _ = in.Close() })
	defer unblock()
	buf := make([]byte, 0, maxWrite)
	for {
		if buf = em.next(buf[:0]); len(buf) > 0 {
			if _, err := in.Write(buf); err != nil {
				return // the reader of acknowledgements sees the end, too
			}
			continue
		}
		select {
		case <-em.wake:
		case <-gone:
			return
		case <-ctx.Done():
			return
		}
	}
}

// endProcess asks a logger that did not end with its pipe, then makes it.
func endProcess(p *os.Process, gone <-chan struct{}) {
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		select {
		case <-gone:
			return
		case <-time.After(exitLimit):
			_ = p.Signal(sig)
		}
	}
}

// waitFor reaps a logger whose output has ended; one that lives on is killed.
func waitFor(cmd *exec.Cmd) error {
	kill := time.AfterFunc(exitLimit, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	return cmd.Wait()
}
