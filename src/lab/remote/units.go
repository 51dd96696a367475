package remote

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/wait"
)

// Limits of an action.
const (
	readyLimit = 30 * time.Second
	pollEvery  = 50 * time.Millisecond
	tryLimit   = 2 * time.Second // for one question whether a service is ready
)

// unit returns the systemd unit of a service on this machine. Code not_found.
func (h *Host) unit(service string) (string, error) {
	if h.target == nil || !slices.Contains(h.target.cfg.Inventory.Services(h.node), service) {
		return "", errs.E(errs.NotFound, "no service %s on %s", service, h.name)
	}
	switch service {
	case inventory.MongoDB:
		return h.target.mongo, nil
	case inventory.MariaDB:
		return "mariadb", nil
	case inventory.Authd, inventory.Chatd, inventory.Logd, inventory.Healthd:
		return "chatlab-" + service, nil
	}
	return "", errs.E(errs.NotFound, "%s on %s is no service that a drill acts on", service, h.name)
}

// Do implements [lab.Host] with systemctl.
func (h *Host) Do(ctx context.Context, service string, a lab.Action) error {
	if parent, isLogger := strings.CutSuffix(service, "-logger"); isLogger {
		return h.doLogger(ctx, parent, a)
	}
	unit, err := h.unit(service)
	if err != nil {
		return err
	}
	var verb []string
	switch a {
	case lab.Start, lab.Restart, lab.Stop:
		verb = []string{string(a), unit}
	case lab.Halt:
		_, err := h.script(ctx, `systemctl kill --signal=KILL "$1" && systemctl stop "$1"`, unit)
		return err
	case lab.Kill:
		verb = []string{"kill", "--kill-who=main", "--signal=KILL", unit}
	case lab.Freeze:
		verb = []string{"kill", "--kill-who=main", "--signal=STOP", unit}
	case lab.Thaw:
		verb = []string{"kill", "--kill-who=main", "--signal=CONT", unit}
	default:
		return errs.E(errs.Usage, "unknown action %q", a)
	}
	if a == lab.Start { // what failed too often is not started otherwise
		_, _ = h.Run(ctx, "systemctl", "reset-failed", unit) // fails where it never ran
	}
	if _, err := h.Run(ctx, append([]string{"systemctl"}, verb...)...); err != nil {
		return err
	}
	if a == lab.Start || a == lab.Restart {
		return h.AwaitReady(ctx, service)
	}
	return nil
}

// loggerOf prints the process of a daemon's logger: its child of that program.
const loggerOf = `main=$(systemctl show -p MainPID "$1") && main=${main#MainPID=} && [ "$main" -gt 0 ] || exit 1
for p in $(pgrep -P "$main"); do
  case $(readlink "/proc/$p/exe") in /opt/chatlab/bin/logger*) echo "$p"; exit 0;; esac
done
echo "no logger runs below $1" >&2
exit 1
`

func (h *Host) loggerPID(ctx context.Context, parent string) (string, error) {
	unit, err := h.unit(parent)
	if err != nil {
		return "", err
	}
	pid, err := h.script(ctx, loggerOf, unit)
	return strings.TrimSpace(pid), err
}

// doLogger acts on the logger of a daemon, which its parent starts again. One
// that is between two lives is waited for.
func (h *Host) doLogger(ctx context.Context, parent string, a lab.Action) error {
	signal, ok := map[lab.Action]string{
		lab.Kill: "KILL", lab.Freeze: "STOP", lab.Thaw: "CONT", lab.Restart: "TERM", lab.Start: "CONT",
	}[a]
	if !ok {
		return errs.E(errs.Usage, "a logger lives with its parent: %s %s-logger is not possible", a, parent)
	}
	limit, cancel := context.WithTimeout(ctx, h.link.allow(readyLimit))
	defer cancel()
	var before string
	err := poll(limit, func() (err error) {
		if before, err = h.loggerPID(limit, parent); err != nil {
			return err
		}
		_, err = h.Run(limit, "kill", "-"+signal, before)
		return err
	})
	if err != nil || (a != lab.Restart && a != lab.Start) {
		return err
	}
	return poll(limit, func() error {
		now, err := h.loggerPID(limit, parent)
		if err == nil && a == lab.Restart && now == before {
			return errs.E(errs.Failed, "%s-logger on %s does not end", parent, h.name)
		}
		if err != nil {
			return err
		}
		return h.answering(limit, parent+"_logger")
	})
}

// poll calls f until it succeeds or ctx ends, with f's error then.
func poll(ctx context.Context, f func() error) (err error) {
	wait.Until(ctx, pollEvery, func() bool {
		err = f()
		return err == nil || errs.Is(err, errs.NotFound) || errs.Is(err, errs.Usage)
	})
	return err
}

// AwaitReady waits until a service says that it is ready; a database, until it
// takes connections.
func (h *Host) AwaitReady(ctx context.Context, service string) error {
	limit, cancel := context.WithTimeout(ctx, h.link.allow(readyLimit))
	defer cancel()
	err := poll(limit, func() error {
		state, reason := h.ready(limit, service)
		if state == lab.Ready {
			return nil
		}
		return errs.E(errs.Failed, "%s on %s is not ready: %s", service, h.name, reason)
	})
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// AwaitServices waits until each service of the machine is ready.
func (h *Host) AwaitServices(ctx context.Context) error {
	for _, service := range h.services() {
		if err := h.AwaitReady(ctx, service); err != nil {
			return err
		}
	}
	return nil
}

// ready asks a service that runs whether it is ready.
func (h *Host) ready(ctx context.Context, service string) (state lab.State, reason string) {
	ctx, cancel := context.WithTimeout(ctx, h.link.allow(tryLimit))
	defer cancel()
	inv := h.target.cfg.Inventory
	if service == inventory.MongoDB || service == inventory.MariaDB {
		conn, err := h.Dial(ctx, "tcp", inv.Address(service, h.node))
		if err != nil {
			return lab.Starting, err.Error()
		}
		_ = conn.Close()
		return lab.Ready, ""
	}
	status, body, err := h.readyz(ctx, strings.ReplaceAll(service, "-", "_"))
	switch {
	case err != nil:
		return lab.Starting, err.Error()
	case status != http.StatusOK:
		return lab.NotReady, body
	}
	return lab.Ready, ""
}

// answering tells whether a service's ops listener answers, ready or not: a
// spool over its new limit is full at once.
func (h *Host) answering(ctx context.Context, ops string) error {
	ctx, cancel := context.WithTimeout(ctx, h.link.allow(tryLimit))
	defer cancel()
	_, _, err := h.readyz(ctx, ops)
	return err
}

func (h *Host) readyz(ctx context.Context, ops string) (status int, body string, err error) {
	addr := h.target.cfg.Inventory.OpsAddress(ops, h.node)
	client := http.Client{Transport: &http.Transport{DialContext: h.target.Dial, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/readyz", nil)
	if err != nil {
		return 0, "", err
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, "", fmt.Errorf("no answer from %s: %w", addr, err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, 400))
	return res.StatusCode, strings.TrimSpace(string(text)), err
}
