package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/check"
	"chatlab/src/lab/incident"
	"chatlab/src/lab/incident/scenario"
	"chatlab/src/lab/inventory"
)

// room is where the lab's incident is played. An incident
// whose start was cut short is healed. Codes: usage (there is no lab), failed.
func (o *options) room(ctx context.Context) (*incident.Room, error) {
	l, err := o.existing()
	if err != nil {
		return nil, err
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, errs.E(errs.Usage, "own program: %w", err)
	}
	users := []string{exe, "incident", "users"}
	for _, f := range o.same("incident") {
		users = append(users, f...)
	}
	if o.sshUser != "" {
		users = append(users, "--ssh-user", o.sshUser)
	}
	r := &incident.Room{
		Lab: l, State: o.stateDir(), Users: users, Environ: o.sameEnviron(exe),
		Say:   func(format string, args ...any) { fmt.Fprintf(o.progressOut(), "  … "+format+"\n", args...) },
		Prove: func(ctx context.Context, globs []string) ([]check.Result, error) { return provedChecks(ctx, l, globs) },
	}
	if len(l.Inventory.Members(inventory.ZabbixServer)) > 0 {
		r.Alarms = func(ctx context.Context) (names []string, err error) {
			problems, err := (&zabbixAlarms{l}).Firing(ctx)
			for _, p := range problems {
				names = append(names, p.String())
			}
			return names, err
		}
	}
	return r, r.Recover(ctx)
}

// sameEnviron is the environment in which a shell's `lab` means this lab.
func (o *options) sameEnviron(exe string) []string {
	out := slices.DeleteFunc(slices.Clone(o.env.Environ), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains([]string{"PATH", "CHATLAB_STATE", "CHATLAB_TARGET", "CHATLAB_INVENTORY"}, name)
	})
	absolute := func(path string) string {
		if abs, err := filepath.Abs(path); err == nil {
			return abs
		}
		return path
	}
	return append(out, "PATH="+filepath.Dir(exe)+string(os.PathListSeparator)+os.Getenv("PATH"),
		"CHATLAB_STATE="+absolute(o.stateDir()), "CHATLAB_TARGET="+o.target, "CHATLAB_INVENTORY="+absolute(o.inventoryPath()))
}

// provedChecks runs the checks of the user's journey that the globs choose. What Zabbix
// thinks, and Grafana shows, lags behind a repair.
func provedChecks(ctx context.Context, l *lab.Lab, globs []string) ([]check.Result, error) {
	log, err := lab.OpenLog(l.Target)
	if err != nil {
		return nil, err
	}
	defer log.Close() // it was only read
	var results []check.Result
	err = withChecks(ctx, l, log, globs, func(journey *check.Journey, checks []check.Check) error {
		results = check.Run(ctx, journey, withoutMonitoring(checks), nil).Results
		return nil
	})
	return results, err
}

func withoutMonitoring(checks []check.Check) []check.Check {
	return slices.DeleteFunc(slices.Clone(checks), func(c check.Check) bool {
		return strings.HasPrefix(c.Name, "zabbix.") || strings.HasPrefix(c.Name, "grafana.")
	})
}

// incidentChoice says which incident is meant.
type incidentChoice struct {
	name, file string
	level      int
	seed       uint64
	seeded     bool
}

// scenario returns the incident that is meant, or one that is drawn. Code usage.
func (c *incidentChoice) scenario(cmd *cobra.Command, o *options, l *lab.Lab) (s *scenario.Scenario, text []byte, drawn bool, err error) {
	switch {
	case c.file != "" && (c.name != "" || c.level != 0):
		err = errs.E(errs.Usage, "--file and a name or --level both choose the incident").WithFix("leave one out")
	case c.name != "" && c.level != 0:
		err = errs.E(errs.Usage, "a name and --level both choose the incident").WithFix("leave one out")
	case c.level < 0 || c.level > 3:
		err = errs.E(errs.Usage, "--level %d is none", c.level).WithFix("--level 1, 2 or 3")
	case c.file != "":
		s, text, err = readScenario(c.file, o.knownChecks(cmd))
	case c.name != "":
		s, text, err = embedded(c.name)
	default:
		drawn = true
		s, text, err = c.draw(l)
	}
	return s, text, drawn, err
}

func embedded(name string) (*scenario.Scenario, []byte, error) {
	text, err := scenario.Text(name)
	if err != nil {
		return nil, nil, err
	}
	s, err := scenario.Parse(name+".yml", text, nil)
	if err == nil {
		s.Name = name
	}
	return s, text, err
}

func (c *incidentChoice) draw(l *lab.Lab) (*scenario.Scenario, []byte, error) {
	all, err := scenario.All()
	if err != nil {
		return nil, nil, err
	}
	if !c.seeded {
		c.seed = uint64(time.Now().UnixMilli())
	}
	s, err := scenario.Draw(all, c.level, c.seed, func(s *scenario.Scenario) string { return incident.Skipped(l, s) })
	if err != nil {
		return nil, nil, err
	}
	text, err := scenario.Text(s.Name)
	return s, text, err
}
