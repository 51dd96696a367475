package supervisor

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"chatlab/src/lab/local/proc"
)

// spawner starts processes that die with this one, and reaps grandchildren
// whose parents have died. All are started from one thread that lives as long
// as the spawner: the kernel sends the parent-death signal when the thread
// that started the process ends, not when its process does.
type spawner struct {
	mark  string
	calls chan func()

	mu    sync.Mutex
	owned map[int]bool // pids whose end a Wait of ours takes
}

func newSpawner(mark string) *spawner {
	return &spawner{mark: mark, calls: make(chan func()), owned: map[int]bool{}}
}

// run serves until ctx ends.
func (s *spawner) run(ctx context.Context) {
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
	for {
		select {
		case call := <-s.calls:
			call()
		case <-ctx.Done():
			return
		}
	}
}

// start starts a service's process with its output appended to its log.
func (s *spawner) start(svc Service) (*exec.Cmd, error) {
	out, err := os.OpenFile(svc.Log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(svc.Argv[0], svc.Argv[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = append(environ(os.Environ()), s.mark)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	s.calls <- func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		err := cmd.Start()
		if err == nil {
			s.owned[cmd.Process.Pid] = true
		}
		started <- err
	}
	return cmd, <-started
}

// wait waits for the end of a process that start started.
func (s *spawner) wait(cmd *exec.Cmd) error {
	err := cmd.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.owned, cmd.Process.Pid)
	return err
}

// adopt makes this process the parent of its descendants' orphans and reaps
// them until ctx ends. Where nothing else does (a container without an init),
// they would stay as zombies for ever.
func (s *spawner) adopt(ctx context.Context) {
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) // since Linux 3.4; without it they go to init
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	defer signal.Stop(ended)
	for {
		select {
		case <-ended:
			s.reap()
		case <-ctx.Done():
			return
		}
	}
}

func (s *spawner) reap() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range proc.Children(os.Getpid()) {
		if p.Zombie() && !s.owned[p.PID] {
			_, _ = syscall.Wait4(p.PID, nil, syscall.WNOHANG, nil)
		}
	}
}

// environ keeps what a daemon may need of an environment. The daemons read
// their configuration from NAME_… variables too: what a user has set for one
// of his own must not change the lab.
func environ(all []string) []string {
	var out []string
	for _, kv := range all {
		switch name, _, _ := strings.Cut(kv, "="); name {
		case "PATH", "HOME", "TMPDIR", "TZ", "LANG", "GOCOVERDIR", "GOMAXPROCS", "GORACE":
			out = append(out, kv)
		}
	}
	return out
}
