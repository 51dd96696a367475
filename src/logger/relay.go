package logger

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"chatlab/src/errs"
	"chatlab/src/mtls"
	"chatlab/src/wait"
)

// pace holds the relay's times, so that tests can shorten them.
type pace struct {
	dial       time.Duration // to connect, and for the first acknowledgement
	heartbeat  time.Duration // an idle logger sends an empty line this often
	silence    time.Duration // a log server that says nothing for so long is left
	write      time.Duration // for one write
	backoffMin time.Duration // after all addresses failed…
	backoffMax time.Duration // …doubling to this
	last       time.Duration // after the pipe's end, before the rest is left in the spool; none when another logger waits for it
}

func defaultPace() pace {
	return pace{dial: 5 * time.Second, heartbeat: 3 * time.Second, silence: 10 * time.Second,
		write: 10 * time.Second, backoffMin: 20 * time.Millisecond, backoffMax: 2 * time.Second, last: time.Second}
}

// window is how many bytes are sent without being acknowledged.
const window = 1 << 20

// relay sends the spool to the first log server that can be reached.
type relay struct {
	l      *Logger
	finish chan struct{} // closed: end when the spool is drained or nobody answers
}

func newRelay(l *Logger) *relay { return &relay{l: l, finish: make(chan struct{})} }

// run relays until ctx ends or, once finishing, until there is nothing more to
// do. It fails only where the spool cannot be read.
func (r *relay) run(ctx context.Context) error {
	if len(r.l.logd) == 0 {
		select {
		case <-ctx.Done():
		case <-r.finish:
		}
		return nil
	}
	pause := wait.Backoff{First: r.l.pace.backoffMin, Last: r.l.pace.backoffMax}
	failures := 0
	for i := 0; ctx.Err() == nil; i++ {
		took, err := r.connect(ctx, r.l.logd[i%len(r.l.logd)])
		var broken *spoolError
		switch {
		case errors.As(err, &broken):
			return broken.err
		case r.finishing() && (err == nil || r.drained()):
			return nil
		case took:
			failures = 0
			pause.Reset()
		default:
			failures++
		}
		if failures < len(r.l.logd) {
			continue // another address is left to try at once
		}
		if r.finishing() {
			return nil
		}
		if pause.Failed() == 0 {
			r.l.log.Warn("no log server takes events; they wait in the spool", "err", err, "fix", errs.FixOf(err))
		}
		r.pause(ctx, pause.Next())
		failures = 0
	}
	return nil
}

// pause waits before the next round of addresses; finishing cuts it short, for
// one last round.
func (r *relay) pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-r.finish:
	case <-time.After(d):
	}
}

func (r *relay) finishing() bool {
	select {
	case <-r.finish:
		return true
	default:
		return false
	}
}

func (r *relay) drained() bool {
	waiting, _ := r.l.spool.backlog()
	return waiting == 0
}

// connect relays over one connection to addr, and tells whether the log
// server acknowledged anything on it. A nil error: finished.
func (r *relay) connect(ctx context.Context, addr string) (took bool, err error) {
	conn, err := r.dial(ctx, addr)
	if err != nil {
		r.l.log.Debug("log server away", "addr", addr, "err", err)
		return false, err
	}
	s := newSession(r, conn)
	err = mtls.Explain(r.l.files, s.run(ctx))
	if s.greeted {
		r.l.log.Info("log server left", "addr", addr, "stored", s.acked, "err", err)
	} else {
		r.l.log.Warn("log server does not take us", "addr", addr, "err", err, "fix", errs.FixOf(err))
	}
	return s.acked > 0, err
}

func (r *relay) dial(ctx context.Context, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, r.l.pace.dial)
	defer cancel()
	d := tls.Dialer{NetDialer: &net.Dialer{KeepAlive: 5 * time.Second}, Config: r.l.tls}
	return d.DialContext(ctx, "tcp", addr)
}

// spoolError is a failure of this side's disk, not of the connection.
type spoolError struct{ err error }

func (e *spoolError) Error() string { return e.err.Error() }
func (e *spoolError) Unwrap() error { return e.err }
