// Package proc reads the kernel's view of processes and listening sockets from
// /proc, as the local target needs it: whose child is it, which lab does it
// belong to, who holds an address.
package proc

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is one process at the time it was looked at.
type Process struct {
	PID, Parent int
	Name        string // of the executable, at most 15 bytes
	State       byte   // R S D Z T…, as in proc_pid_stat(5)
	Start       uint64 // clock ticks since boot; with PID it names a process for good
}

// clockTick is the unit of Start: USER_HZ, 100 on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

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
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Process{}, err
	}
	return parseStat(text)
}

// parseStat reads `pid (name) state ppid …`. The name may hold anything, a
// parenthesis too, so the last one ends it.
func parseStat(text []byte) (Process, error) {
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return Process{}, fmt.Errorf("unreadable process status")
	}
	rest := strings.Fields(string(text[end+1:]))
	if len(rest) < 20 {
		return Process{}, fmt.Errorf("unreadable process status")
	}
	p := Process{Name: string(text[open+1 : end]), State: rest[0][0]}
	p.PID, _ = strconv.Atoi(strings.TrimSpace(string(text[:open])))
	p.Parent, _ = strconv.Atoi(rest[1])
	p.Start, _ = strconv.ParseUint(rest[19], 10, 64)
	return p, nil
}

// All lists the processes that can be seen.
func All() []Process {
	entries, _ := os.ReadDir("/proc")
	var out []Process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if p, err := Get(pid); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// Children lists the processes whose parent is pid.
func Children(pid int) []Process {
	var out []Process
	for _, p := range All() {
		if p.Parent == pid {
			out = append(out, p)
		}
	}
	return out
}

// Marked lists the live processes that have exactly this NAME=value in the
// environment they were started with. Zombies have none, so they are left out.
// A forked child has its parent's, so a mark finds grandchildren whose parents
// are long dead.
func Marked(variable string) []Process {
	want := []byte(variable)
	var out []Process
	for _, p := range All() {
		environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.PID))
		if err != nil || p.Zombie() {
			continue
		}
		for kv := range bytes.SplitSeq(environ, []byte{0}) {
			if bytes.Equal(kv, want) {
				out = append(out, p)
				break
			}
		}
	}
	return out
}

// justBegun is how long a process may take, at the most, from its fork until its
// program has an environment.
const justBegun = 5 * time.Second

// Beginning tells whether a process is between its fork and its program, when the
// kernel shows no environment: whether Marked has missed it is not known yet.
func Beginning() bool {
	for _, p := range All() {
		environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.PID))
		if err == nil && len(environ) == 0 && Executable(p.PID) != "" && !p.Zombie() && time.Since(p.Started()) < justBegun {
			return true
		}
	}
	return false
}

// Executable returns the path of a process's program, "" if it cannot be told.
func Executable(pid int) string {
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(path, " (deleted)")
}

// Started returns when a process was started, to a hundredth of a second; the
// zero time if it cannot be told.
func (p Process) Started() time.Time {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return time.Time{}
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "btime "); ok {
			boot, _ := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
			return time.Unix(boot, 0).Add(time.Duration(p.Start) * clockTick)
		}
	}
	return time.Time{}
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
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		link, err := os.Readlink(filepath.Join(dir, e.Name()))
		if inode, ok := strings.CutPrefix(link, "socket:["); ok && err == nil {
			out = append(out, strings.TrimSuffix(inode, "]"))
		}
	}
	return out
}
