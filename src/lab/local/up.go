package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/local/supervisor"
)

// Limits while a lab comes up.
const (
	pollEvery  = 15 * time.Millisecond
	readyLimit = 30 * time.Second // for each service, once those before it are ready
)

// StartError is a part that did not come up, with the end of its log.
type StartError struct {
	Step string
	Log  string   // path, "" if it has none
	Tail []string // its last lines
	Err  error
}

// Error names the step and the reason.
func (e *StartError) Error() string { return e.Step + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *StartError) Unwrap() error { return e.Err }

// Up implements [lab.Target]. A part that fails is a [*StartError].
func (t *Target) Up(ctx context.Context, p lab.Progress) error {
	if err := t.fits(); err != nil {
		return err
	}
	if f := t.stateName(); f.Result == Fail {
		return f.refusal()
	}
	if err := t.folders(); err != nil {
		return err
	}
	lock, err := lab.Lock(t.run())
	if err != nil {
		return err
	}
	defer lock.Unlock()
	err = t.attachDisks(ctx, p)
	if err == nil {
		err = t.start(ctx, p)
	}
	if _, alive := supervisor.Alive(t.run()); err != nil && !alive {
		err = errors.Join(err, t.detachDisks(ctx))
	}
	return err
}

// start starts whatever is not running, and waits until all of it is ready.
func (t *Target) start(ctx context.Context, p lab.Progress) error {
	done := p.Step("secrets and configuration")
	plan, err := t.prepare()
	done(err)
	if err != nil {
		return err
	}
	if err := t.supervise(ctx, plan, p); err != nil {
		return err
	}
	if err := t.record(); err != nil {
		return err
	}
	return t.awaitAll(ctx, plan, p)
}

// supervise leaves a supervisor running that works after this plan.
func (t *Target) supervise(ctx context.Context, plan supervisor.Plan, p lab.Progress) error {
	if _, alive := supervisor.Alive(t.run()); alive {
		rows, fingerprint, err := supervisor.Ask(ctx, t.run(), true)
		if err == nil && fingerprint == plan.Fingerprint {
			return t.startMissing(ctx, rows, p)
		}
		if err := t.startable(); err != nil {
			return err // what cannot be started must not end what runs
		}
		if err := t.moveChatLog(ctx, p); err != nil {
			return err
		}
		done := p.Step("stop the lab that is up: programs or configuration have changed")
		err = t.end(ctx)
		done(err)
		if err != nil {
			return err
		}
	}
	if err := errors.Join(t.spread(), t.forgetPeers()); err != nil {
		return err
	}
	if err := t.clear(p); err != nil {
		return err
	}
	if err := t.startable(); err != nil {
		return err
	}
	if err := plan.Save(t.run()); err != nil {
		return errs.E(errs.Usage, "plan: %w", err)
	}
	done := p.Step("supervisor")
	err := t.launch(ctx)
	done(err)
	return err
}

// clear kills what a supervisor that was killed has left.
func (t *Target) clear(p lab.Progress) error {
	if len(supervisor.Marked(t.run())) == 0 {
		return nil
	}
	done := p.Step("clear processes that a killed supervisor left")
	_, err := supervisor.KillMarked(t.run())
	done(err)
	return err
}

// startMissing starts services that were stopped by hand or failed, in a lab that is up.
func (t *Target) startMissing(ctx context.Context, rows []supervisor.Status, p lab.Progress) error {
	lacks := func(r supervisor.Status) bool {
		return r.State == lab.Frozen || (r.State != lab.Ready && !isChild(r)) // a logger's parent starts it
	}
	if !slices.ContainsFunc(rows, lacks) {
		p.Step("already up: nothing to start")(nil)
		return nil
	}
	return supervisor.Heal(ctx, t.run())
}

// launch starts the supervisor, which outlives this process, and returns when
// it takes orders.
func (t *Target) launch(ctx context.Context) error {
	path := t.path("log", "supervisor.log")
	rotate(path)
	for _, s := range t.services() {
		rotate(s.Log)
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return errs.E(errs.Usage, "supervisor: %w", err)
	}
	defer out.Close()
	cmd := exec.Command(t.supervisor[0], t.supervisor[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = out, out, "/"
	cmd.Env = append(os.Environ(), supervisor.Mark(t.run()))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // ^C in this terminal is not meant for it
	if err := cmd.Start(); err != nil {
		return errs.E(errs.Failed, "supervisor: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if _, _, err := supervisor.Ask(ctx, t.run(), false); err == nil {
			return nil
		}
		select {
		case err := <-ended:
			return &StartError{"supervisor", path, tail(path), errs.E(errs.Failed, "ended at once (%v)", err)}
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// rotate moves the log of an earlier run out of the way.
func rotate(path string) {
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		_ = os.Rename(path, path+".1")
	}
}

// awaitAll shows each service getting ready, in the order of the start.
func (t *Target) awaitAll(ctx context.Context, plan supervisor.Plan, p lab.Progress) error {
	for _, svc := range plan.Services {
		done := p.Step(fmt.Sprintf("%s on %s, %s", svc.Name, svc.Node, svc.Address))
		err := t.awaitReady(ctx, svc)
		done(err)
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *Target) awaitReady(ctx context.Context, svc supervisor.Service) error {
	limit, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	reason := "no word from the supervisor"
	for {
		rows, _, err := supervisor.Ask(limit, t.run(), false)
		if _, alive := supervisor.Alive(t.run()); err != nil && !alive {
			path := t.path("log", "supervisor.log")
			return &StartError{"supervisor", path, tail(path), errs.E(errs.Failed, "it has ended").WithFix("`lab up` starts it again")}
		}
		for _, r := range rows {
			if r.Node != svc.Node || r.Service != svc.Name {
				continue
			}
			reason = r.Reason
			if r.State == lab.Ready {
				return nil
			}
			if hopeless(r) {
				return failed(svc, "does not start: "+reason)
			}
		}
		select {
		case <-limit.Done():
			if ctx.Err() != nil {
				return errs.E(errs.Failed, "%s on %s was starting", svc.Name, svc.Node).
					WithFix("`lab status` shows how far it is, `lab up` goes on, `lab down` ends it")
			}
			return failed(svc, fmt.Sprintf("not ready after %s: %s", readyLimit, reason))
		case <-tick.C:
		}
	}
}

// hopeless tells whether waiting longer for a service makes no sense: its
// configuration is refused (status 2), or it has ended three times unready.
func hopeless(s supervisor.Status) bool {
	return s.State == lab.Failing && (s.Reason == "exit status 2" || s.Failures >= 3)
}
