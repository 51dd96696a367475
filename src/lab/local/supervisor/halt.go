package supervisor

import (
	"context"
	"errors"
	"syscall"
	"time"

	"chatlab/src/errs"
	"chatlab/src/wait"
)

// Halt kills all processes of a node at once, as a power cut does, and returns when
// they are gone. None is started again until an order to start it. Code failed.
func Halt(ctx context.Context, dir, node string) error {
	_, err := ask(ctx, dir, request{Op: "halt", Node: node})
	return err
}

func (s *supervisor) halt(ctx context.Context, node string) error {
	groups := map[*unit]int{}
	for _, u := range s.units {
		if u.svc.Node == node {
			groups[u] = u.halt()
		}
	}
	for u, g := range groups {
		if err := u.halted(ctx, g); err != nil {
			return err
		}
	}
	return nil
}

// halt kills the process and its children, and wants none to run. It returns their
// process group, 0 if there is none.
func (u *unit) halt() (group int) {
	u.lock(func() {
		u.want = false
		if u.cmd != nil {
			group = u.cmd.Process.Pid
			_ = syscall.Kill(-group, syscall.SIGKILL)
		}
	})
	return group
}

// halted returns when all processes of a group are gone, and the unit has noticed.
func (u *unit) halted(ctx context.Context, group int) error {
	gone := func() bool { return group == 0 || errors.Is(syscall.Kill(-group, 0), syscall.ESRCH) }
	if !wait.Until(ctx, 5*time.Millisecond, gone) || u.await(ctx, func() bool { return u.cmd == nil }) != nil {
		return errs.E(errs.Failed, "%s on %s does not end", u.svc.Name, u.svc.Node)
	}
	return nil
}
