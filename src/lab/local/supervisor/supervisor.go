package supervisor

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"chatlab/src/app"
	"chatlab/src/errs"
	"chatlab/src/files"
	"chatlab/src/lab"
	"chatlab/src/lab/local/proc"
	"chatlab/src/wait"
)

// StopLimit is how long a service has to end in good order before it is killed.
const StopLimit = 8 * time.Second

// Status is a service's state, with what only `lab up` needs.
type Status struct {
	lab.ServiceStatus
	Failures int `json:"failures"` // ends before being ready, in a row
}

// supervisor runs the units of one plan.
type supervisor struct {
	dir     string
	plan    Plan
	log     *slog.Logger
	units   []*unit
	spawner *spawner
	prober  *prober
	stop    context.CancelFunc // begins the end
}

// Run supervises the plan in a folder until ctx ends or an order to stop
// comes, then stops everything and returns. Codes: unavailable (another
// supervisor lives there), usage, not_found (no plan).
func Run(ctx context.Context, dir string, log *slog.Logger) error {
	plan, err := LoadPlan(dir)
	if err != nil {
		return err
	}
	// Briefly, those that only ask for the holder have the lock.
	limit, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	lock, err := wait.Available(limit, 5*time.Millisecond, func() (*files.Lock, error) { return files.TryLock(filepath.Join(dir, lockFile)) })
	if err != nil {
		return err
	}
	defer lock.Unlock()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s := &supervisor{dir: dir, plan: plan, log: log, spawner: newSpawner(Mark(dir)), prober: newProber(), stop: stop}
	for _, svc := range plan.Services {
		s.units = append(s.units, newUnit(svc, s.spawner, s.prober, log))
	}
	control, err := listenControl(dir)
	if err != nil {
		return err
	}
	s.run(ctx, control)
	return nil
}

func (s *supervisor) run(ctx context.Context, control *controlServer) {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() { s.spawner.run(running) })
	wg.Go(func() { s.spawner.adopt(running) })
	wg.Go(func() { _ = app.Hangups(running, s.log) }) // it ends with its context only
	wg.Go(func() { limitLogs(running, s.plan, s.log) })
	wg.Go(func() { control.serve(running, s.answer) })
	for _, u := range s.units {
		wg.Go(func() {
			if s.awaitOthers(running, u) {
				u.run(running)
			}
		})
	}
	s.log.Info("supervising", "services", len(s.units), "pid", os.Getpid())
	<-ctx.Done()
	s.log.Info("stopping")
	for _, stage := range slices.Backward(s.order()) {
		s.stopAll(stage)
	}
	if _, err := KillMarked(s.dir); err != nil {
		s.log.Error("stop", "err", err)
	}
	cancel()
	wg.Wait()
	s.log.Info("stopped")
}

// awaitOthers returns when what a unit comes after is ready.
func (s *supervisor) awaitOthers(ctx context.Context, u *unit) bool {
	for _, other := range s.units {
		if slices.Contains(u.svc.After, other.svc.Name) && other.await(ctx, func() bool { return other.ready }) != nil {
			return false
		}
	}
	return true
}

// order puts the units into stages: those of one stage wait for none of it.
func (s *supervisor) order() [][]*unit {
	stage := map[string]int{}
	var out [][]*unit
	for _, u := range s.units {
		n := stage[u.svc.Name]
		for _, name := range u.svc.After {
			if before, known := stage[name]; known {
				n = max(n, before+1)
			}
		}
		stage[u.svc.Name] = n
		for len(out) <= n {
			out = append(out, nil)
		}
		out[n] = append(out[n], u)
	}
	return out
}

// stopAll stops the units of one stage at the same time.
func (s *supervisor) stopAll(stage []*unit) {
	var wg sync.WaitGroup
	for _, u := range stage {
		wg.Go(func() {
			if err := u.stop(StopLimit); err != nil {
				s.log.Warn("stop", "err", err)
			}
		})
	}
	wg.Wait()
}

// Marked lists the processes that carry the mark of a folder's supervisor, this
// one excepted.
func Marked(dir string) []proc.Process {
	return slices.DeleteFunc(proc.Marked(Mark(dir)), func(p proc.Process) bool { return p.PID == os.Getpid() })
}

// Found is a supervisor of this machine.
type Found struct {
	Folder string
	Since  time.Time
}

// All lists the supervisors that hold their folders.
func All() []Found {
	var out []Found
	for _, p := range proc.All() {
		folder := FolderOf(p.PID)
		if folder == "" {
			continue
		}
		if holder, alive := Alive(folder); alive && holder == p.PID {
			out = append(out, Found{folder, p.Started()})
		}
	}
	return out
}

// Hidden lists the processes of a folder's supervisor that are another user's.
func Hidden(dir string) []proc.Process {
	return proc.Hidden(filepath.Dir(Folder(dir)))
}

// KillMarked kills the processes that carry the mark of a folder's supervisor,
// this one excepted, and returns those it found when they are gone. Code
// failed if some are left after ten seconds.
func KillMarked(dir string) ([]proc.Process, error) {
	var found []proc.Process
	deadline := time.Now().Add(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		beginning := proc.Beginning()
		left := Marked(dir)
		if len(left) == 0 { // in no /proc/PID/environ, which goes before what is open
			left = slices.Clone(found)
		}
		left = slices.DeleteFunc(left, proc.Process.Gone)
		if len(left) == 0 && (!beginning || time.Now().After(deadline)) {
			return found, nil
		}
		if len(left) > 0 && time.Now().After(deadline) {
			return found, errs.E(errs.Failed, "process %d (%s) cannot be killed", left[0].PID, left[0].Name)
		}
		for _, p := range left {
			if !slices.ContainsFunc(found, func(q proc.Process) bool { return p.PID == q.PID && p.Start == q.Start }) {
				found = append(found, p)
			}
			_ = p.Signal(syscall.SIGKILL)
		}
		<-tick.C
	}
}
