package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chatlab/src/app"
	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/check"
	"chatlab/src/lab/drill"
	"chatlab/src/lab/incident"
	"chatlab/src/lab/watch"
)

func drillCommand(o *options) *cobra.Command {
	var opt asked
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
			"Exit status: 0 nothing lost, nothing twice; 1 a drill failed or was incomplete;\n" +
			"2 it could not run; 130 it was interrupted, and healed the lab.",
		Args: cobra.ArbitraryArgs, ValidArgsFunction: o.completeDrills,
		RunE: func(cmd *cobra.Command, names []string) error {
			drills, err := drill.Find(names)
			if err != nil {
				return err
			}
			if opt.list {
				return listDrills(o)
			}
			if err := opt.check(); err != nil {
				return err
			}
			return runDrills(cmd.Context(), o, drills, opt)
		},
	}
	flags := cmd.Flags()
	flags.DurationVar(&opt.For, "for", 30*time.Second, "how long faults are made, for each drill: one whole round of them at least; with --alarms at the most, until they are raised")
	flags.IntVar(&opt.Users, "users", 32, "users who chat and read")
	flags.IntVar(&opt.Rooms, "rooms", 0, "rooms that they are in (0: one for each 32 users)")
	flags.IntVar(&opt.Rate, "rate", 600, "lines a second, all users together")
	flags.Uint64Var(&opt.Seed, "seed", 1, "of the random mix: the same seed, the same faults")
	flags.DurationVar(&opt.Recovery, "recovery", 2*time.Second, "longest time from a heal to a served user")
	flags.BoolVar(&opt.alarms, "alarms", false, "the lab's Zabbix server must raise the right problems, no others, and find them over")
	flags.BoolVar(&opt.list, "list", false, "only name the drills, and say why one cannot run here")
	flags.StringVar(&opt.report, "report", "", "`file` for a report: .json, .xml (JUnit) or .html (one page with a timeline)")
	return cmd
}

// asked holds the flags of a drill.
type asked struct {
	drill.Options
	list, alarms bool
	report       string // file, "" for none
}

// listed is a drill of the list.
type listed struct {
	Name  string `json:"drill"`
	About string `json:"about"`
	Runs  bool   `json:"runs"`          // on the lab that the flags name
	Why   string `json:"why,omitempty"` // it does not
}

func listDrills(o *options) error {
	l, labErr := o.describe()
	var list []listed
	for _, d := range drill.Catalogue() {
		row := listed{Name: d.Name, About: d.About}
		if labErr != nil {
			row.Why = labErr.Error()
		} else {
			row.Why = d.Skipped(l)
		}
		row.Runs = row.Why == ""
		list = append(list, row)
	}
	if o.json {
		return writeJSON(o.env.Stdout, list)
	}
	for _, row := range list {
		text := row.About
		if !row.Runs {
			text += "; not here: " + row.Why
		}
		if _, err := fmt.Fprintf(o.env.Stdout, "%-14s %s\n", row.Name, text); err != nil {
			return err
		}
	}
	return nil
}

// runDrills makes sure that the lab is well, then runs one drill after the other.
func runDrills(ctx context.Context, o *options, drills []drill.Drill, ask asked) error {
	opt := ask.Options
	opt.Progress = func(line string) { fmt.Fprintf(o.progressOut(), "  … %s\n", line) }
	l, opt, err := prepareDrills(ctx, o, opt, ask.alarms)
	if err != nil {
		return interrupted(ctx, err)
	}
	results := drill.Outcome{Reports: []*drill.Report{}, Skipped: []drill.Skip{}}
	for _, d := range drills {
		if why := d.Skipped(l); why != "" {
			results.Skipped = append(results.Skipped, drill.Skip{Drill: d.Name, Why: why})
			fmt.Fprintf(o.progressOut(), "%s: skipped: %s\n", d.Name, why)
			continue
		}
		report, err := drill.Run(ctx, l, d, opt)
		if report == nil {
			return interrupted(ctx, err)
		}
		results.Reports = append(results.Reports, report)
		o.printDrill(report)
		if report.Interrupted {
			return endDrills(o, results, ask.report, app.ErrInterrupted)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return endDrills(o, results, ask.report, nil)
}

// interrupted returns the error, or that the caller was interrupted.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return app.ErrInterrupted
	}
	return err
}

// prepareDrills returns the lab, which is well, and the options with all that is
// known of it.
func prepareDrills(ctx context.Context, o *options, opt drill.Options, alarms bool) (*lab.Lab, drill.Options, error) {
	opt.State = o.stateDir()
	if err := drill.Free(opt.State); err != nil {
		return nil, opt, err
	}
	if err := incident.Free(opt.State); err != nil {
		return nil, opt, err
	}
	l, err := o.existing()
	if err != nil {
		return nil, opt, err
	}
	if err := checkLoad(opt, l.Inventory); err != nil {
		return nil, opt, err
	}
	opt.Progress("checking that the lab is well")
	if err := wellBefore(ctx, l, "drill"); err != nil {
		return nil, opt, err
	}
	client := &http.Client{Transport: &http.Transport{DialContext: l.Target.Dial, DisableKeepAlives: true}}
	if opt.Marks, err = watch.OpenMarks(l, client); err != nil {
		return nil, opt, err
	}
	if alarms {
		opt.Alarms = &zabbixAlarms{l}
		if _, err := opt.Alarms.Firing(ctx); err != nil {
			return nil, opt, err
		}
	}
	return l, opt, nil
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

// endDrills writes the reports and the sum, and returns the error of the drills that
// failed. first is an error that comes before theirs.
func endDrills(o *options, r drill.Outcome, file string, first error) error {
	if o.json {
		if err := writeJSON(o.env.Stdout, r.Reports); err != nil {
			return err
		}
	}
	if file != "" {
		if err := r.Save(file); err != nil {
			return err
		}
	}
	failed := r.Failed()
	fmt.Fprintf(o.progressOut(), "%d drills: %d ok, %d failed, %d skipped\n",
		len(r.Reports)+len(r.Skipped), len(r.Reports)-len(failed), len(failed), len(r.Skipped))
	switch {
	case first != nil:
		return first
	case len(failed) > 0:
		return errs.E(errs.Failed, "failed: %s", strings.Join(failed, ", "))
	}
	return nil
}

// wellBefore refuses to break a broken lab: it names the check that
// fails.
func wellBefore(ctx context.Context, l *lab.Lab, what string) error {
	if err := check.Up(ctx, l); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	log, err := lab.OpenLog(l.Target)
	if err != nil {
		return err
	}
	defer log.Close() // it is only read
	journey := check.New(ctx, l, log)
	defer journey.Close()
	// What Zabbix thinks, and Grafana shows, is a matter of --alarms, and lags behind.
	if r := check.FirstFailure(ctx, stop, journey, withoutMonitoring(check.Catalogue(journey))); r != nil {
		return errs.E(errs.Usage, "the lab is not well before the %s: %s fails: expected %s, seen %s", what, r.Name, r.Expected, r.Seen).
			WithFix("`lab check %s`", r.Name)
	}
	return nil
}
