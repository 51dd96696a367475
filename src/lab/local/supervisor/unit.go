package supervisor

import (
	"context"
	"log/slog"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/local/proc"
	"chatlab/src/wait"
)

// unit is the life of one service.
type unit struct {
	svc     Service
	spawner *spawner
	prober  *prober
	log     *slog.Logger

	mu       sync.Mutex
	changed  chan struct{} // closed and made anew at every change of what follows
	want     bool          // it should run
	hurry    bool          // the pause before the next start is over
	cmd      *exec.Cmd     // nil while no process runs
	since    time.Time
	ready    bool // this process has been ready
	reason   string
	restarts int
	failures int         // ends before being ready, in a row
	restarty []time.Time // of late, for the pause
}

func newUnit(svc Service, s *spawner, p *prober, log *slog.Logger) *unit {
	return &unit{
		svc: svc, spawner: s, prober: p, want: true, changed: make(chan struct{}),
		log: log.With("node", svc.Node, "service", svc.Name),
	}
}

// run keeps the process running while it is wanted, until ctx ends.
func (u *unit) run(ctx context.Context) {
	for ctx.Err() == nil {
		if u.await(ctx, func() bool { return u.want }) != nil {
			return
		}
		u.once(ctx)
		if pause := u.pause(time.Now()); pause > 0 {
			limit, cancel := context.WithTimeout(ctx, pause)
			_ = u.await(limit, func() bool { return !u.want || u.hurry })
			cancel()
		}
	}
}

// once starts the process and waits for its end.
func (u *unit) once(ctx context.Context) {
	u.mu.Lock()
	u.hurry = false
	if !u.want {
		u.mu.Unlock()
		return
	}
	cmd, err := u.spawner.start(u.svc)
	if err != nil {
		u.failures++
		u.set(func() { u.reason = err.Error() })
		u.mu.Unlock()
		u.log.Error("cannot start", "err", err)
		return
	}
	u.set(func() { u.cmd, u.since, u.ready = cmd, time.Now(), false })
	u.mu.Unlock()

	probing, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { u.watch(probing, cmd.Process.Pid) })
	err = u.spawner.wait(cmd)
	cancel()
	wg.Wait()
	u.ended(err)
}

func (u *unit) watch(ctx context.Context, pid int) {
	say := func(reason string) { u.lock(func() { u.reason = reason }) }
	if u.prober.untilReady(ctx, u.svc, pid, say) {
		u.lock(func() { u.ready, u.failures, u.reason = true, 0, "" })
		u.log.Info("ready", "pid", pid)
	}
}

func (u *unit) ended(err error) {
	how := "ended by itself"
	if err != nil {
		how = err.Error()
	}
	u.lock(func() {
		if u.want {
			u.restarts++
			u.restarty = append(u.restarty, time.Now())
		}
		if !u.ready {
			u.failures++
		}
		u.cmd, u.ready, u.reason = nil, false, how
	})
	u.log.Info("ended", "how", how)
}

// Pauses before a process is started again.
const (
	firstPause = 50 * time.Millisecond // doubled each time while it does not get ready
	lastPause  = 5 * time.Second
	often      = 20 // ends within a while after which even a ready one waits
	while      = 10 * time.Second
)

// pause tells how long to wait before the next start: not at all after a
// process that had been ready, so that one kill is healed as fast as it can be.
func (u *unit) pause(now time.Time) time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.want {
		return 0
	}
	for len(u.restarty) > 0 && now.Sub(u.restarty[0]) > while {
		u.restarty = u.restarty[1:]
	}
	switch {
	case u.failures > 0:
		return wait.Doubled(firstPause, lastPause, u.failures-1)
	case len(u.restarty) > often:
		return 500 * time.Millisecond
	}
	return 0
}

// heal wants the process to run, and to be started at once if it does not.
func (u *unit) heal() {
	var cmd *exec.Cmd
	u.lock(func() {
		u.want, u.hurry, cmd = true, true, u.cmd
		if !u.ready {
			u.failures, u.reason = 0, ""
		}
	})
	if cmd != nil {
		_ = cmd.Process.Signal(syscall.SIGCONT) // it may have been frozen
	}
}

// start wants the process to run and returns when it is ready. Code failed.
func (u *unit) start(ctx context.Context) error {
	u.heal()
	if u.await(ctx, func() bool { return u.ready }) != nil {
		s := u.status()
		return errs.E(errs.Failed, "%s on %s is not ready in time: %s", s.Service, s.Node, s.Reason).WithFix("look into %s", s.Log)
	}
	return nil
}

// stop ends the process in good order, within a limit, and by SIGKILL after
// it. Code failed if it had to be killed.
func (u *unit) stop(limit time.Duration) error {
	var cmd *exec.Cmd
	u.lock(func() { u.want, cmd = false, u.cmd })
	if cmd == nil {
		return nil
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Process.Signal(syscall.SIGCONT) // a frozen one would not see the other
	gone := func() bool { return u.cmd != cmd }
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if u.await(ctx, gone) == nil {
		return nil
	}
	_ = cmd.Process.Kill()
	_ = u.await(context.Background(), gone)
	return errs.E(errs.Failed, "%s on %s did not stop within %s and was killed", u.svc.Name, u.svc.Node, limit)
}

// signal sends a signal to the running process and, for SIGKILL, waits for its
// end. Code failed if none runs.
func (u *unit) signal(ctx context.Context, sig syscall.Signal) error {
	var cmd *exec.Cmd
	u.lock(func() { cmd = u.cmd })
	if cmd == nil {
		return errs.E(errs.Failed, "%s on %s does not run", u.svc.Name, u.svc.Node)
	}
	if err := cmd.Process.Signal(sig); err != nil {
		return errs.E(errs.Failed, "%s on %s: %w", u.svc.Name, u.svc.Node, err)
	}
	if sig == syscall.SIGKILL {
		return u.await(ctx, func() bool { return u.cmd != cmd })
	}
	return nil
}

// status returns the known state without asking the process.
func (u *unit) status() Status {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := Status{Failures: u.failures, ServiceStatus: lab.ServiceStatus{
		Node: u.svc.Node, Service: u.svc.Name, Address: u.svc.Address, Ops: u.svc.Ops,
		Reason: u.reason, Restarts: u.restarts, Log: u.svc.Log,
	}}
	switch {
	case u.cmd == nil && !u.want:
		s.State = lab.Down
		return s
	case u.cmd == nil && u.failures > 0:
		s.State = lab.Failing
		return s
	case u.cmd == nil:
		s.State = lab.Starting
		return s
	case u.ready:
		s.State = lab.Ready
	case u.failures > 0:
		s.State = lab.Failing
	default:
		s.State = lab.Starting
	}
	s.PID, s.Since = u.cmd.Process.Pid, u.since
	if p, err := proc.Get(s.PID); err == nil && p.Stopped() {
		s.State = lab.Frozen
	}
	return s
}

// lock changes the unit's state and wakes who waits for a change.
func (u *unit) lock(change func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.set(change)
}

// set is lock for who holds it already.
func (u *unit) set(change func()) {
	change()
	close(u.changed)
	u.changed = make(chan struct{})
}

// await returns when holds does, which is called with the lock held.
func (u *unit) await(ctx context.Context, holds func() bool) error {
	for {
		u.mu.Lock()
		ok, changed := holds(), u.changed
		u.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
