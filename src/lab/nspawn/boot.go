package nspawn

import (
	"context"
	"os"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/remote"
)

// bootLimit is how long a machine has to boot.
const bootLimit = 90 * time.Second

// awaitBoot waits until a machine answers by SSH and says that it has booted.
func (s *Machines) awaitBoot(ctx context.Context, m *machine) error {
	ctx, cancel := context.WithTimeout(ctx, bootLimit)
	defer cancel()
	host := remote.NewHost(m.node.Name, m.node.Public.String(), s.Access())
	defer host.Close()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		// It fails while it is degraded, with the word on its standard output.
		state, err := host.Run(ctx, "systemctl", "is-system-running", "--wait")
		switch state = strings.TrimSpace(state); {
		case state == "running":
			return nil
		case state == "degraded":
			units, _ := host.Run(ctx, "systemctl", "list-units", "--failed", "--plain", "--no-legend")
			return errs.E(errs.Failed, "machine %s: units failed: %s", m.node.Name, strings.Join(firstWords(units), " ")).
				WithFix("its journal: `%s journalctl -b`", s.ssh(m.node.Public.String()))
		case len(running(m.name)) == 0:
			return errs.E(errs.Failed, "machine %s ended: %s", m.node.Name, lastLine(m.console())).WithFix("its log: %s", m.console())
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errs.E(errs.Failed, "machine %s has not booted within %s: %w", m.node.Name, bootLimit, err).WithFix("its log: %s", m.console())
		}
	}
}

// Name is what --target calls this target.
const Name = "nspawn"

// SSH returns the command that logs in to a node's machine.
func (s *Machines) SSH(n inventory.Node) string { return s.ssh(n.Public.String()) }

// ssh returns the command that logs in to a machine.
func (s *Machines) ssh(addr string) string {
	a := s.Access()
	return "ssh -i " + a.Key + " -o UserKnownHostsFile=" + a.KnownHosts + " root@" + addr
}

func firstWords(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) > 0 {
			out = append(out, f[0])
		}
	}
	return out
}

func lastLine(path string) string {
	text, _ := os.ReadFile(path)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
