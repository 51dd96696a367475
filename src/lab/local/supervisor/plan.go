// Package supervisor keeps the processes of a local lab running: it starts
// them in order, waits until each says that it is ready, starts again what
// ends by itself, limits their log files, and stops them in reverse order. It
// knows nothing of what they are.
//
// One supervisor serves one folder. It holds a lock in it for as long as it
// lives, so whether it lives is certain, and takes orders on a Unix socket
// there. Its children die with it, and carry a mark in their environment by
// which the next supervisor finds what a killed one might have left.
package supervisor

import (
	"encoding/json"
	"os"
	"path/filepath"

	"chatlab/src/errs"
	"chatlab/src/files"
	"chatlab/src/lab/local/proc"
)

// Plan is what a supervisor runs. A service comes after those it needs.
type Plan struct {
	// Fingerprint stands for programs, configuration and secrets: a plan with
	// another one is another lab.
	Fingerprint string    `json:"fingerprint"`
	Services    []Service `json:"services"`
}

// Service is one process and how to know it.
type Service struct {
	Node string   `json:"node"`
	Name string   `json:"name"`
	Argv []string `json:"argv"`
	Log  string   `json:"log"` // file for its standard output and error

	// Address is host:port that it serves. A service without Ops is ready when
	// it listens there.
	Address string `json:"address"`

	// Ops is host:port of its ops listener: ready is 200 from /readyz.
	Ops string `json:"ops,omitempty"`

	// After names the services (by Name, on any node) that must be ready before
	// it is started for the first time.
	After []string `json:"after,omitempty"`

	// Child describes a process that the service starts itself.
	Child *Child `json:"child,omitempty"`
}

// Child is a service that another one starts and keeps running.
type Child struct {
	Name       string `json:"name"`
	Executable string `json:"executable"`
	Ops        string `json:"ops,omitempty"`
}

// File names in a supervisor's folder.
const (
	planFile   = "plan.json"
	lockFile   = "supervisor.lock"
	socketFile = "control.sock"
)

// variable is that of the environment of a supervisor's processes which names its folder.
const variable = "CHATLAB_SUPERVISED_IN"

// Mark returns the environment variable that all processes of the supervisor
// of a folder carry.
func Mark(dir string) string { return variable + "=" + Folder(dir) }

// Folder returns a supervisor's folder as its processes name it.
func Folder(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return resolve(dir)
}

// FolderOf returns the folder of the supervisor that a process belongs to, "" if it has
// none or it cannot be told.
func FolderOf(pid int) string { return proc.Variable(pid, variable) }

// resolve returns a path without the symbolic links of its part that exists: processes
// keep the mark of a folder that was removed.
func resolve(path string) string {
	resolved, err := filepath.EvalSymlinks(path)
	if err == nil {
		return resolved
	}
	if up := filepath.Dir(path); up != path {
		return filepath.Join(resolve(up), filepath.Base(path))
	}
	return path
}

// Alive returns the pid of the supervisor of a folder; false if none lives.
func Alive(dir string) (pid int, alive bool) { return files.Holder(filepath.Join(dir, lockFile)) }

// Save writes the plan into a supervisor's folder.
func (p Plan) Save(dir string) error {
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	return files.Write(filepath.Join(dir, planFile), append(text, '\n'), 0o600)
}

// LoadPlan reads the plan of a folder. Code not_found if there is none, failed
// if it cannot be read.
func LoadPlan(dir string) (Plan, error) {
	text, err := os.ReadFile(filepath.Join(dir, planFile))
	if os.IsNotExist(err) {
		return Plan{}, errs.Wrap(err, errs.NotFound, "no lab was brought up here")
	}
	var p Plan
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		return Plan{}, errs.E(errs.Failed, "plan of the lab: %w", err).WithFix("`lab down`, then `lab up` writes it again")
	}
	return p, nil
}
