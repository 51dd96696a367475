package local

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/files"
	"chatlab/src/lab"
	"chatlab/src/lab/local/supervisor"
	"chatlab/src/wait"
)

var _ lab.Tunable = host{}

// Dir implements [lab.Tunable].
func (h host) Dir(service string) (string, error) {
	dir := h.t.data(h.node, service)
	if _, err := os.Stat(dir); err != nil {
		return "", errs.E(errs.NotFound, "%s has no data on %s", service, h.node)
	}
	return dir, nil
}

// Override implements [lab.Tunable]. The supervisor's plan does not change, and
// the next `lab up` writes every file anew.
func (h host) Override(ctx context.Context, service string, settings map[string]any) error {
	n, ok := h.t.inv.Node(h.node)
	if !ok {
		return errs.E(errs.NotFound, "no node %q", h.node)
	}
	path := h.t.configPath(service, n)
	configs, err := h.t.configs()
	if err != nil {
		return err
	}
	text, ok := configs[path]
	if !ok {
		return errs.E(errs.NotFound, "%s has no configuration on %s", service, h.node)
	}
	if len(settings) > 0 {
		if text, err = lab.WithSettings(text, settings); err != nil {
			return err
		}
	}
	if err := files.Update(path, text, 0o600); err != nil {
		return errs.E(errs.Failed, "configuration of %s: %w", service, err)
	}
	before := h.process(ctx, service)
	if err := h.Do(ctx, service, lab.Restart); err != nil && before.PID != 0 {
		return err
	}
	return h.renewed(ctx, service, before.PID)
}

// process returns what the supervisor knows of a service.
func (h host) process(ctx context.Context, service string) lab.ServiceStatus {
	rows, err := h.t.Status(ctx)
	i := slices.IndexFunc(rows, func(s lab.ServiceStatus) bool { return s.Node == h.node && s.Service == service })
	if err != nil || i < 0 {
		return lab.ServiceStatus{}
	}
	return rows[i]
}

// renewed waits until another process than before has taken up its work: a
// logger is started by its parent, not by the supervisor. One that says that
// it is not ready has: a spool over its new limit is full at once.
func (h host) renewed(ctx context.Context, service string, before int) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var now lab.ServiceStatus
	works := wait.Until(ctx, 20*time.Millisecond, func() bool {
		now = h.process(ctx, service)
		answers := now.State == lab.Ready || now.State == lab.NotReady && !strings.HasPrefix(now.Reason, supervisor.NoAnswer)
		return answers && now.PID != before
	})
	if !works {
		return errs.E(errs.Failed, "%s on %s is %s after its restart: %s", service, h.node, now.State, now.Reason)
	}
	return nil
}
