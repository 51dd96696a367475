package remote

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
)

// states prints what systemd and the kernel know of units, as Key=value lines
// that begin anew with each Service=. It goes with systemd 219.
const states = `for pair; do
  service=${pair%%=*} unit=${pair#*=}
  echo "Service=$service"
  systemctl show -p MainPID -p ActiveState -p SubState -p NRestarts "$unit"
  pid=$(systemctl show -p MainPID "$unit"); pid=${pid#MainPID=}
  [ "$pid" -gt 0 ] || continue
  echo "Process=$(ps -o stat=,etimes= -p "$pid")"
  for child in $(pgrep -P "$pid"); do
    case $(readlink "/proc/$child/exe") in
      /opt/chatlab/bin/logger*) echo "Service=$service-logger"; echo "ActiveState=active"
        echo "MainPID=$child"; echo "Process=$(ps -o stat=,etimes= -p "$child")";;
    esac
  done
done
`

// order is that of the start.
var order = []string{inventory.MariaDB, inventory.MongoDB, inventory.Logd, inventory.Authd, inventory.Chatd, inventory.Healthd}

// Status implements [lab.Target].
func (t *Target) Status(ctx context.Context) ([]lab.ServiceStatus, error) {
	nodes := t.cfg.Inventory.Nodes
	found := make([][]lab.ServiceStatus, len(nodes))
	var group errgroup.Group
	for i, n := range nodes {
		group.Go(func() error {
			found[i] = t.hosts[n.Name].status(ctx)
			return nil
		})
	}
	_ = group.Wait() // none fails: a machine that does not answer is a state
	var out []lab.ServiceStatus
	for _, service := range order {
		for _, rows := range found {
			for _, r := range rows {
				if strings.TrimSuffix(r.Service, "-logger") == service {
					out = append(out, r)
				}
			}
		}
	}
	return out, ctx.Err()
}

// services lists what the machine carries that status shows.
func (h *Host) services() []string {
	return slices.DeleteFunc(h.target.cfg.Inventory.Services(h.node), func(s string) bool { return !slices.Contains(order, s) })
}

func (h *Host) status(ctx context.Context) []lab.ServiceStatus {
	var pairs []string
	for _, s := range h.services() {
		if unit, err := h.unit(s); err == nil {
			pairs = append(pairs, s+"="+unit)
		}
	}
	text, err := h.script(ctx, states, pairs...)
	known := parseStates(text)
	var out []lab.ServiceStatus
	for _, s := range h.services() {
		out = append(out, h.row(ctx, s, known[s], err))
		if s == inventory.Authd || s == inventory.Chatd {
			out = append(out, h.row(ctx, s+"-logger", known[s+"-logger"], err))
		}
	}
	return out
}

// row makes one service's status; unreachable is why its machine is silent.
func (h *Host) row(ctx context.Context, service string, p properties, unreachable error) lab.ServiceStatus {
	inv := h.target.cfg.Inventory
	row := lab.ServiceStatus{Node: h.name, Service: service, State: lab.Down}
	parent, isLogger := strings.CutSuffix(service, "-logger")
	if !isLogger {
		row.Address = inv.Address(service, h.node)
	}
	if service != inventory.MongoDB && service != inventory.MariaDB {
		row.Ops = inv.OpsAddress(strings.ReplaceAll(service, "-", "_"), h.node)
	}
	if unit, err := h.unit(parent); err == nil {
		row.Log = "journalctl -u " + unit + " on " + h.name
	}
	if unreachable != nil && len(p) == 0 {
		row.Reason = unreachable.Error()
		return row
	}
	row.PID, _ = strconv.Atoi(p["MainPID"])
	row.Restarts, _ = strconv.Atoi(p["NRestarts"])
	stat, seconds := p.process()
	if row.PID > 0 {
		row.Since = time.Now().Add(-seconds)
	}
	switch {
	case strings.HasPrefix(stat, "T"):
		row.State = lab.Frozen
	case p["SubState"] == "auto-restart" || p["ActiveState"] == "failed":
		row.State = lab.Failing
	case p["ActiveState"] == "activating":
		row.State = lab.Starting
	case p["ActiveState"] == "active" && row.PID > 0:
		row.State, row.Reason = h.ready(ctx, service)
	}
	return row
}

// properties are what a machine said of one service.
type properties map[string]string

// process returns the state letters of its main process and its age.
func (p properties) process() (stat string, age time.Duration) {
	f := strings.Fields(p["Process"])
	if len(f) != 2 {
		return "", 0
	}
	seconds, _ := strconv.Atoi(f[1])
	return f[0], time.Duration(seconds) * time.Second
}

func parseStates(text string) map[string]properties {
	out := map[string]properties{}
	var now properties
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		switch {
		case !ok:
		case key == "Service":
			now = properties{}
			out[value] = now
		case now != nil:
			now[key] = value
		}
	}
	return out
}
