package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/check"
	"chatlab/src/lab/drill"
	"chatlab/src/lab/watch"
)

func drillCommand(o *options) *cobra.Command {
	opt := drill.Options{}
	var list, alarms bool
	cmd := &cobra.Command{
		Use:   "drill [NAME...]",
		Short: "Break the lab on purpose, under load, heal it, and give a verdict",
		Long: "Runs fault drills against a lab that is up: users chat and sign in, faults are\n" +
			"made and healed, then every event and every reader's view is accounted for.\n" +
			"Without a name every drill but `all`, the random mix, runs.\n\n" +
			"Each user reads all that is said in its room, so that --rate x --users / --rooms\n" +
			"lines a second are delivered. A chat server takes 20 a second from a user, and a\n" +
			"machine of two processors that carries a whole lab delivers 25,000 or so beside.\n" +
			"Users sign up and in twice a second, whatever their number. For a class on three\n" +
			"machines (--topology ha) that share two processors: --users 300 --rate 200.\n\n" +
			"Exit status: 0 nothing lost, nothing twice; 1 a drill failed; 2 it could not run.",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, names []string) error {
			drills, err := drill.Find(names)
			if err != nil {
				return err
			}
			if list {
				return listDrills(o.env.Stdout)
			}
			return runDrills(cmd.Context(), o, drills, opt, alarms)
		},
	}
	flags := cmd.Flags()
	flags.DurationVar(&opt.For, "for", 30*time.Second, "how long faults are made, for each drill; with --alarms at the most, until they are raised")
	flags.IntVar(&opt.Users, "users", 32, "users who chat and read")
	flags.IntVar(&opt.Rooms, "rooms", 0, "rooms that they are in (0: one for each 32 users)")
	flags.IntVar(&opt.Rate, "rate", 600, "lines a second, all users together")
	flags.Uint64Var(&opt.Seed, "seed", 1, "of the random mix: the same seed, the same faults")
	flags.DurationVar(&opt.Recovery, "recovery", 2*time.Second, "longest time from a heal to a served user")
	flags.BoolVar(&alarms, "alarms", false, "the lab's Zabbix server must raise the right problems, no others, and find them over")
	flags.BoolVar(&list, "list", false, "only name the drills")
	return cmd
}

func listDrills(out io.Writer) error {
	for _, d := range drill.Catalogue() {
		if _, err := fmt.Fprintf(out, "%-14s %s\n", d.Name, d.About); err != nil {
			return err
		}
	}
	return nil
}

// runDrills makes sure that the lab is well, then runs one drill after the other.
func runDrills(ctx context.Context, o *options, drills []drill.Drill, opt drill.Options, alarms bool) error {
	if opt.For <= 0 || opt.Users < 2 || 2*opt.Rate < opt.Users || opt.Rooms < 0 {
		return errs.E(errs.Usage, "--for must be more than 0, --users 2 or more, --rate at least half of --users, --rooms not negative")
	}
	l, err := o.open()
	if err != nil {
		return err
	}
	opt.State = o.stateDir()
	if err := drill.Free(opt.State); err != nil {
		return err
	}
	if err := wellBefore(ctx, l); err != nil {
		return err
	}
	if alarms {
		opt.Alarms = &zabbixAlarms{l}
		if _, err := opt.Alarms.Firing(ctx); err != nil {
			return err
		}
	}
	if !o.json {
		opt.Progress = func(line string) { fmt.Fprintf(o.env.Stdout, "  … %s\n", line) }
	}
	var reports []*drill.Report
	failed, skipped := []string{}, 0
	for _, d := range drills {
		if why := d.Skipped(l); why != "" {
			skipped++
			fmt.Fprintf(o.progressOut(), "%s: skipped: %s\n", d.Name, why)
			continue
		}
		report, err := drill.Run(ctx, l, d, opt)
		if report == nil {
			return err
		}
		reports = append(reports, report)
		if !o.json {
			report.Print(o.env.Stdout)
		}
		if !report.OK {
			failed = append(failed, d.Name)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return o.drillVerdict(reports, failed, skipped)
}

// zabbixAlarms asks the lab's Zabbix server, in a session of its own each time:
// a server that was cut off meanwhile has forgotten nothing.
type zabbixAlarms struct{ lab *lab.Lab }

// Firing implements [drill.Alarms].
func (z *zabbixAlarms) Firing(ctx context.Context) ([]watch.Problem, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DialContext: z.lab.Target.Dial, DisableKeepAlives: true}}
	session, err := watch.Open(ctx, z.lab, client)
	if err != nil {
		return nil, err
	}
	defer func() { _ = session.Close(context.WithoutCancel(ctx)) }()
	return watch.Firing(ctx, session)
}

func (o *options) progressOut() io.Writer {
	if o.json {
		return o.env.Stderr
	}
	return o.env.Stdout
}

func (o *options) drillVerdict(reports []*drill.Report, failed []string, skipped int) error {
	if o.json {
		if err := writeJSON(o.env.Stdout, reports); err != nil {
			return err
		}
	}
	fmt.Fprintf(o.progressOut(), "%d drills: %d ok, %d failed, %d skipped\n",
		len(reports)+skipped, len(reports)-len(failed), len(failed), skipped)
	if len(failed) > 0 {
		return errs.E(errs.Failed, "failed: %s", strings.Join(failed, ", "))
	}
	return nil
}

// wellBefore refuses to break what is broken already: it names the check that
// fails.
func wellBefore(ctx context.Context, l *lab.Lab) error {
	if err := check.Up(ctx, l); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	journey, done, err := newJourney(ctx, l)
	if err != nil {
		return err
	}
	defer done()
	// What Zabbix thinks, and Grafana shows, is a matter of --alarms, and lags behind.
	checks := slices.DeleteFunc(check.Catalogue(journey), func(c check.Check) bool {
		return strings.HasPrefix(c.Name, "zabbix.") || strings.HasPrefix(c.Name, "grafana.")
	})
	if r := check.FirstFailure(ctx, stop, journey, checks); r != nil {
		return errs.E(errs.Usage, "the lab is not well before the drill: %s fails: expected %s, seen %s", r.Name, r.Expected, r.Seen).
			WithFix("`lab check %s`", r.Name)
	}
	return nil
}
