package supervisor

import (
	"context"
	"sync"
	"syscall"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/local/proc"
)

// answer carries out one order.
func (s *supervisor) answer(ctx context.Context, req request) answer {
	switch req.Op {
	case "status":
		return answer{Services: s.status(ctx, req.Probe), Fingerprint: s.plan.Fingerprint}
	case "shutdown":
		s.stop()
		return answer{}
	case "heal":
		for _, u := range s.units {
			u.heal()
			if u.svc.Child != nil {
				_ = signalChild(u.svc, u.status().PID, lab.Thaw) // one that does not run is its parent's care
			}
		}
		return answer{}
	case "do":
		return failure(s.do(ctx, req))
	case "halt":
		return failure(s.halt(ctx, req.Node))
	}
	return failure(errs.E(errs.Usage, "unknown order %q", req.Op))
}

func failure(err error) answer {
	if err == nil {
		return answer{}
	}
	return answer{Code: errs.CodeOf(err), Message: err.Error(), Fix: errs.FixOf(err)}
}

// status lists the services and their children.
func (s *supervisor) status(ctx context.Context, probe bool) []Status {
	rows := make([][]Status, len(s.units))
	var wg sync.WaitGroup
	for i, u := range s.units {
		wg.Go(func() {
			st := u.status()
			if probe && st.State == lab.Ready {
				if reason := s.prober.probe(ctx, u.svc, st.PID); reason != "" {
					st.State, st.Reason = lab.NotReady, reason
				}
			}
			rows[i] = []Status{st}
			if u.svc.Child != nil {
				rows[i] = append(rows[i], s.childStatus(ctx, u.svc, st.PID, probe))
			}
		})
	}
	wg.Wait()
	var out []Status
	for _, r := range rows {
		out = append(out, r...)
	}
	return out
}

func (s *supervisor) childStatus(ctx context.Context, svc Service, parent int, probe bool) Status {
	st := Status{ServiceStatus: lab.ServiceStatus{
		Node: svc.Node, Service: svc.Child.Name, Ops: svc.Child.Ops, State: lab.Down, Log: svc.Log,
	}}
	p, ok := findChild(svc, parent)
	if !ok {
		return st
	}
	st.PID, st.Since, st.State = p.PID, p.Started(), lab.Ready
	if p.Stopped() {
		st.State = lab.Frozen
	} else if probe && svc.Child.Ops != "" {
		if reason := s.prober.readyz(ctx, svc.Child.Ops); reason != "" {
			st.State, st.Reason = lab.NotReady, reason
		}
	}
	return st
}

// findChild finds the process of a service's child.
func findChild(svc Service, parent int) (proc.Process, bool) {
	if parent == 0 {
		return proc.Process{}, false
	}
	for _, list := range []func(int) []proc.Process{proc.SomeChildren, proc.Children} {
		for _, p := range list(parent) {
			if !p.Zombie() && proc.Executable(p.PID) == svc.Child.Executable {
				return p, true
			}
		}
	}
	return proc.Process{}, false
}

// do acts on a service or on the child of one.
func (s *supervisor) do(ctx context.Context, req request) error {
	for _, u := range s.units {
		switch {
		case u.svc.Node != req.Node:
		case u.svc.Name == req.Service:
			return u.do(ctx, req.Action)
		case u.svc.Child != nil && u.svc.Child.Name == req.Service:
			return signalChild(u.svc, u.status().PID, req.Action)
		}
	}
	return errs.E(errs.NotFound, "no service %q on node %q", req.Service, req.Node)
}

func (u *unit) do(ctx context.Context, a lab.Action) error {
	switch a {
	case lab.Start:
		return u.start(ctx)
	case lab.Stop:
		_ = u.stop(StopLimit) // killed is stopped, too
		return nil
	case lab.Restart:
		_ = u.stop(StopLimit)
		return u.start(ctx)
	case lab.Kill:
		return u.signal(ctx, syscall.SIGKILL)
	case lab.Halt:
		return u.halted(ctx, u.halt())
	case lab.Freeze:
		return u.signal(ctx, syscall.SIGSTOP)
	case lab.Thaw:
		return u.signal(ctx, syscall.SIGCONT)
	}
	return errs.E(errs.Usage, "unknown action %q", a)
}

// signalChild acts on a process that another service owns, which therefore
// can be neither started nor stopped by itself.
func signalChild(svc Service, parent int, a lab.Action) error {
	signals := map[lab.Action]syscall.Signal{
		lab.Kill: syscall.SIGKILL, lab.Restart: syscall.SIGTERM, lab.Freeze: syscall.SIGSTOP, lab.Thaw: syscall.SIGCONT,
	}
	sig, possible := signals[a]
	if !possible {
		return errs.E(errs.Usage, "cannot %s %s: it lives and dies with %s", a, svc.Child.Name, svc.Name)
	}
	p, ok := findChild(svc, parent)
	if !ok {
		return errs.E(errs.Failed, "%s on %s does not run", svc.Child.Name, svc.Node)
	}
	if err := p.Signal(sig); err != nil {
		return errs.E(errs.Failed, "%s on %s: %w", svc.Child.Name, svc.Node, err)
	}
	return nil
}
