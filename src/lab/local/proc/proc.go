// Package proc reads the kernel's view of processes and listening sockets from
// /proc, as the local target needs it: whose child is it, which lab does it
// belong to, who holds an address.
package proc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
)

// Process is one process at the time it was looked at.
type Process struct {
	PID, Parent int
	Name        string // of the executable, at most 15 bytes
	State       byte   // R S D Z T…, as in proc_pid_stat(5)
	Start       uint64 // clock ticks since boot; with PID it names a process for good
}

// Zombie tells whether the process has ended and waits to be reaped.
func (p Process) Zombie() bool { return p.State == 'Z' || p.State == 'X' }

// Stopped tells whether the process is frozen by SIGSTOP.
func (p Process) Stopped() bool { return p.State == 'T' }

// Gone tells whether nothing of the process runs any more, so that what it had
// open is closed. A process that is ending loses its environment first, and its
// main thread may be dead before the others.
func (p Process) Gone() bool {
	now, err := Get(p.PID)
	if err != nil || now.Start != p.Start {
		return true
	}
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", p.PID))
	return now.Zombie() && (err != nil || len(threads) <= 1)
}

// Get reads one process; os.ErrNotExist (or ESRCH) if there is none.
func Get(pid int) (Process, error) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return Process{}, err
	}
	stat, err := p.Stat()
	if err != nil {
		return Process{}, err
	}
	return Process{PID: pid, Parent: stat.PPID, Name: stat.Comm, State: stat.State[0], Start: stat.Starttime}, nil
}

// All lists the processes that can be seen.
func All() []Process {
	procs, _ := procfs.AllProcs()
	var out []Process
	for _, one := range procs {
		if p, err := Get(one.PID); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// environment returns the variables that a process was started with.
func (p Process) environment() ([]string, error) {
	of, err := procfs.NewProc(p.PID)
	if err != nil {
		return nil, err
	}
	return of.Environ()
}

// Variable returns a variable of the environment that a process was started with,
// "" if it has none or cannot be seen.
func Variable(pid int, name string) string {
	environ, _ := Process{PID: pid}.environment()
	for _, kv := range environ {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value
		}
	}
	return ""
}

// Children lists the processes whose parent is pid.
func Children(pid int) []Process {
	return slices.DeleteFunc(All(), func(p Process) bool { return p.Parent != pid })
}

// SomeChildren lists children of pid as the kernel names them, which costs far less than
// [Children]: it may leave some out while others end, and all where the kernel has no such
// lists.
func SomeChildren(pid int) []Process {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	var out []Process
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, field := range strings.Fields(string(text)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				continue
			}
			if p, err := Get(child); err == nil && p.Parent == pid {
				out = append(out, p)
			}
		}
	}
	return out
}

// Marked lists the live processes that have exactly this NAME=value in the
// environment they were started with. Zombies have none, so they are left out.
// A forked child has its parent's, so a mark finds grandchildren whose parents
// are long dead.
func Marked(variable string) []Process {
	return slices.DeleteFunc(All(), func(p Process) bool {
		environ, err := p.environment()
		return err != nil || p.Zombie() || !slices.Contains(environ, variable)
	})
}

// Hidden lists the live processes of other users, whose environment cannot be read, with
// a text in their arguments, which can: as Marked cannot tell whether they have a mark.
func Hidden(text string) []Process {
	return slices.DeleteFunc(All(), func(p Process) bool {
		_, err := p.environment()
		return !errors.Is(err, os.ErrPermission) || !strings.Contains(p.arguments(), text)
	})
}

// arguments returns the command line of a process, "" if it has none.
func (p Process) arguments() string {
	of, err := procfs.NewProc(p.PID)
	if err != nil {
		return ""
	}
	words, _ := of.CmdLine()
	return strings.Join(words, " ")
}

// justBegun is how long a process may take, at the most, from its fork until its
// program has an environment.
const justBegun = 5 * time.Second

// Beginning tells whether a process is between its fork and its program, when the
// kernel shows no environment: whether Marked has missed it is not known yet.
func Beginning() bool {
	return slices.ContainsFunc(All(), func(p Process) bool {
		environ, err := p.environment()
		return err == nil && len(environ) == 0 && Executable(p.PID) != "" && !p.Zombie() && time.Since(p.Started()) < justBegun
	})
}

// Executable returns the path of a process's program, "" if it cannot be told.
func Executable(pid int) string {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return ""
	}
	path, _ := p.Executable()
	return strings.TrimSuffix(path, " (deleted)")
}

// Started returns when a process was started, to a hundredth of a second; the
// zero time if it cannot be told.
func (p Process) Started() time.Time {
	of, err := procfs.NewProc(p.PID)
	if err != nil {
		return time.Time{}
	}
	stat, err := of.Stat()
	if err != nil {
		return time.Time{}
	}
	seconds, err := stat.StartTime()
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(int64(seconds * 1000))
}

// Same tells whether the process is still there, and no other took its pid.
func (p Process) Same() bool {
	now, err := Get(p.PID)
	return err == nil && now.Start == p.Start && !now.Zombie()
}

// Signal sends a signal if the process is still the same.
func (p Process) Signal(sig syscall.Signal) error {
	if !p.Same() {
		return os.ErrProcessDone
	}
	return syscall.Kill(p.PID, sig)
}

// sockets lists the inodes of the sockets that a process has open.
func sockets(pid int) []string {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return nil
	}
	targets, _ := p.FileDescriptorTargets()
	var out []string
	for _, target := range targets {
		if inode, ok := strings.CutPrefix(target, "socket:["); ok {
			out = append(out, strings.TrimSuffix(inode, "]"))
		}
	}
	return out
}
