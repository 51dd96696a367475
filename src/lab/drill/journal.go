package drill

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"chatlab/src/errs"
	"chatlab/src/files"
	"chatlab/src/lab"
)

// undo is one step that heals: it may be done when nothing is broken, too.
type undo struct {
	Node    string     `json:"node"`
	Service string     `json:"service"`
	Action  lab.Action `json:"action,omitempty"`
	Restore bool       `json:"restore,omitempty"` // the service's own configuration
	Join    bool       `json:"join,omitempty"`    // the node's cable to the private network
	PowerOn bool       `json:"power_on,omitempty"`
	Run     []string   `json:"run,omitempty"`     // a command of the node
	File    string     `json:"file,omitempty"`    // on this machine, with
	Content []byte     `json:"content,omitempty"` // what was in it
}

// journal keeps the undo steps of faults that are not healed yet, in a file
// that outlives the process.
type journal struct {
	path string
	lock *files.Lock

	mu   sync.Mutex
	open []undo
}

const (
	journalName = "drill.json"
	runningName = "drill.running" // holds the name of the drill that has the lock
)

var errBusy = errors.New("another drill is running on this lab")

func busy(state string) error {
	return errs.E(errs.Usage, "%w: %s", errBusy, Running(state)).WithFix("wait for it, or stop it")
}

// openJournal takes the journal for a drill of this process, or to heal. Fails with
// code usage when another drill has it.
func openJournal(state, drill string) (*journal, error) {
	path := filepath.Join(state, journalName)
	lock, err := files.TryLock(path + ".lock")
	if errs.Is(err, errs.Unavailable) {
		return nil, busy(state)
	} else if err != nil {
		return nil, errs.E(errs.Usage, "drill journal: %w", err)
	}
	j := &journal{path: path, lock: lock}
	if err := os.WriteFile(filepath.Join(state, runningName), []byte(drill), 0o600); err != nil {
		j.close()
		return nil, errs.E(errs.Usage, "drill journal: %w", err)
	}
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return j, nil
	case err == nil:
		err = json.Unmarshal(text, &j.open)
	}
	if err != nil {
		j.close()
		return nil, errs.E(errs.Usage, "drill journal %s: %w", path, err).WithFix("remove it, then `lab up`")
	}
	return j, nil
}

// Free tells whether a drill can begin: not while another one runs on the lab
// (code usage).
func Free(state string) error {
	if Running(state) != "" {
		return busy(state)
	}
	return nil
}

// Running returns the name of the drill that runs on a lab, or "".
func Running(state string) string {
	if _, held := files.Holder(filepath.Join(state, journalName+".lock")); !held {
		return ""
	}
	name, err := os.ReadFile(filepath.Join(state, runningName))
	if err != nil || len(name) == 0 {
		return "unknown"
	}
	return string(name)
}

func (j *journal) close() { j.lock.Unlock() }

// add writes steps down before the fault that they undo is made.
func (j *journal) add(steps []undo) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.open = append(j.open, steps...)
	return j.save()
}

// done drops the last n steps: their fault is healed.
func (j *journal) done(n int) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.open = j.open[:len(j.open)-n]
	return j.save()
}

func (j *journal) save() error {
	if len(j.open) == 0 {
		err := os.Remove(j.path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	text, err := json.Marshal(j.open)
	if err != nil {
		return err
	}
	return files.Write(j.path, text, 0o600)
}

// Heal undoes what a drill that was killed has left broken, and returns how
// many steps that took. It does nothing while a drill runs. Where no service runs,
// machines are booted and files put back: services start with their own settings.
func Heal(ctx context.Context, l *lab.Lab, state string) (int, error) {
	if _, err := os.Stat(filepath.Join(state, journalName)); err != nil {
		return 0, nil // nothing to heal
	}
	j, err := openJournal(state, "healing")
	switch {
	case errors.Is(err, errBusy):
		return 0, nil // a running drill heals for itself
	case err != nil:
		return 0, err
	}
	defer j.close()
	if !running(ctx, l) {
		j.open = slices.DeleteFunc(j.open, func(u undo) bool { return u.File == "" && !u.PowerOn })
	}
	n := len(j.open)
	if err := healSteps(ctx, l, j, slices.Clone(j.open)); err != nil {
		return 0, err
	}
	return n, j.save()
}

// Forget drops what a drill that was killed has left broken in a lab that was taken
// down since, but for files.
func Forget(state string) error {
	if _, err := os.Stat(filepath.Join(state, journalName)); err != nil {
		return nil
	}
	j, err := openJournal(state, "clean-up")
	if err != nil {
		return err
	}
	defer j.close()
	j.open = slices.DeleteFunc(j.open, func(u undo) bool { return u.File == "" })
	return j.save()
}

func running(ctx context.Context, l *lab.Lab) bool {
	rows, err := l.Target.Status(ctx)
	return err == nil && slices.ContainsFunc(rows, func(s lab.ServiceStatus) bool { return s.PID > 0 })
}

// healSteps undoes steps, the last first, and drops each that worked. Machines and
// services that were switched off together are started together: the services of one
// may wait for those of another.
func healSteps(ctx context.Context, l *lab.Lab, j *journal, steps []undo) error {
	for len(steps) > 0 {
		first := len(steps) - 1
		for steps[first].starts() && first > 0 && steps[first-1].starts() {
			first--
		}
		var together errgroup.Group
		for _, u := range steps[first:] {
			together.Go(func() error { return u.perform(ctx, l) })
		}
		if err := together.Wait(); err != nil {
			return err
		}
		if err := j.done(len(steps) - first); err != nil {
			return err
		}
		steps = steps[:first]
	}
	return nil
}

func (u undo) starts() bool { return u.PowerOn || u.Action == lab.Start }

func (u undo) perform(ctx context.Context, l *lab.Lab) error {
	if u.File != "" {
		if err := files.Replace(u.File, u.Content); err != nil {
			return err
		}
		if t, ok := l.Target.(lab.Publisher); ok {
			return t.Publish(ctx, filepath.Base(u.File))
		}
		return nil
	}
	host, err := l.Target.Host(u.Node)
	if err != nil {
		return err
	}
	if u.Join || u.PowerOn {
		return u.repair(ctx, host)
	}
	if len(u.Run) > 0 {
		_, err := host.Run(ctx, u.Run...)
		return err
	}
	if u.Restore {
		tunable, ok := host.(lab.Tunable)
		if !ok {
			return errs.E(errs.Failed, "%s on %s: its settings cannot be given back", u.Service, u.Node)
		}
		return tunable.Override(ctx, u.Service, nil)
	}
	return host.Do(ctx, u.Service, u.Action)
}
