package local

import (
	"context"
	"slices"
	"syscall"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/local/supervisor"
	"chatlab/src/wait"
)

// endLimit is how long the supervisor has to end itself and all remaining processes.
const endLimit = 20 * time.Second

// Down implements [lab.Target].
func (t *Target) Down(ctx context.Context, purge bool, p lab.Progress) error {
	if err := t.visible(); err != nil {
		return err
	}
	if held, err := lab.Holds(t.state, Folder); err != nil {
		return err
	} else if held {
		lock, err := lab.Lock(t.run())
		if err != nil {
			return err
		}
		defer lock.Unlock()
	}
	if err := t.stopAll(ctx, p); err != nil {
		return err
	}
	if !purge {
		return nil
	}
	return t.purge(p)
}

// visible refuses to say anything of a lab whose processes are another user's. Code usage.
func (t *Target) visible() error {
	hidden := supervisor.Hidden(t.run())
	if len(hidden) == 0 {
		return nil
	}
	return errs.E(errs.Usage, "process %d (%s) of the lab in %s is another user's", hidden[0].PID, hidden[0].Name, t.state).
		WithFix("run it as the user that brought the lab up, or as root")
}

func (t *Target) stopAll(ctx context.Context, p lab.Progress) error {
	if _, alive := supervisor.Alive(t.run()); alive {
		t.stopServices(ctx, p)
		done := p.Step("stop the supervisor")
		err := t.end(ctx)
		done(err)
		if err != nil {
			return err
		}
	}
	if err := t.clear(p); err != nil {
		return err
	}
	return t.detachDisks(ctx)
}

// stopServices stops one service after the other, last started first. What
// does not stop in good order, the supervisor kills; so errors are shown only.
func (t *Target) stopServices(ctx context.Context, p lab.Progress) {
	rows, _, err := supervisor.Ask(ctx, t.run(), false)
	if err != nil {
		return // it hangs; end kills it
	}
	for _, r := range slices.Backward(rows) {
		if r.State == lab.Down || isChild(r) {
			continue
		}
		done := p.Step("stop " + r.Service + " on " + r.Node)
		done(supervisor.Do(ctx, t.run(), r.Node, r.Service, lab.Stop))
	}
}

// isChild tells a logger's row, which ends with its parent.
func isChild(s supervisor.Status) bool { return s.Address == "" }

// end ends the supervisor, by SIGKILL if it must be, and all it had started.
func (t *Target) end(ctx context.Context) error {
	patience := endLimit
	if err := supervisor.Shutdown(ctx, t.run()); err != nil {
		patience = pollEvery // it does not listen, so it will not act
	}
	limit, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	pid, alive := 0, true
	wait.Until(limit, pollEvery, func() bool {
		pid, alive = supervisor.Alive(t.run())
		return !alive
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if alive && pid > 0 {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	_, err := supervisor.KillMarked(t.run())
	return err
}

// purge removes what `up` has made.
func (t *Target) purge(p lab.Progress) error {
	done := p.Step("remove data and secrets")
	err := lab.Purge(t.state, Folder, "secrets")
	done(err)
	return err
}
