// Package incident lets a person find and repair a fault that nobody names. It makes the
// faults of a scenario, keeps simulated users chatting and signing in meanwhile, gives
// hints, takes answers, proves the repair by checks and by the drills' account, and keeps
// a score.
//
// All that must outlive a command is in the folder `incident` of the state folder:
//
//	record.json    the scenario, the steps that heal it, and what the person did
//	users.lock     held by the process of the simulated users, users.log what it says
//	feelings.jsonl how the users were served, a line each two seconds
//	ask, account.json  a request for the account, and the account
//
// A record is written before the first fault is made, so a `lab` that is killed leaves
// what the next one needs to heal the lab.
package incident

import (
	"context"
	"path/filepath"
	"time"

	"chatlab/src/errs"
	"chatlab/src/files"
	"chatlab/src/lab"
	"chatlab/src/lab/check"
)

// Folder is what an incident has in a state folder.
const Folder = "incident"

// Room is where an incident is played.
type Room struct {
	Lab   *lab.Lab
	State string // folder
	Say   func(format string, args ...any)

	// Prove runs the checks that match the globs, all those of the user's journey
	// without any, and returns their results.
	Prove func(ctx context.Context, globs []string) ([]check.Result, error)
	// Alarms returns the names of the problems that Zabbix has; nil: the lab has none.
	Alarms func(ctx context.Context) ([]string, error)
	// Wait is how long a rehearsal waits for the symptoms, and for the repair; 0: two minutes.
	Wait time.Duration
	// Users is the command line that runs [RunUsers] for this lab.
	Users []string
	// Environ is the environment in which `lab` means this lab.
	Environ []string
}

func (r *Room) path(name string) string { return fileOf(r.State, name) }

func fileOf(state, name string) string { return filepath.Join(state, Folder, name) }

// hold keeps other commands that change the incident away. Code usage while one is at
// work.
func hold(state string) (*files.Lock, error) {
	if err := makeFolder(state); err != nil {
		return nil, err
	}
	lock, err := files.TryLock(fileOf(state, "lock"))
	if errs.Is(err, errs.Unavailable) {
		return nil, errs.E(errs.Usage, "another `lab incident` is at work on this lab").WithFix("wait for it, or end it")
	}
	return lock, err
}
