package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"chatlab/src/lab"
	"chatlab/src/lab/check"
)

func checkCommand(o *options) *cobra.Command {
	var list bool
	cmd := &cobra.Command{
		Use:   "check [GLOB…]",
		Short: "Prove the lab: the user's journey end to end",
		Long: "Runs every check, or those whose name matches a glob or begins with it: `auth`,\n" +
			"`auth.token`, `*.none`. A line a check: result, name, node, time, and for one that\n" +
			"failed what was expected, what was seen and where to look. Exit status 0 when\n" +
			"none failed, 1 when one did, 2 when the lab is not up or a glob matches nothing.",
		Example: "  lab check\n  lab check chat 'events.*'\n  lab check --json | jq '.checks[] | select(.result==\"fail\")'",
		Args:    cobra.ArbitraryArgs, ValidArgsFunction: o.completeChecks,
		RunE: func(cmd *cobra.Command, globs []string) error {
			if list {
				return o.listChecks(cmd.Context(), globs)
			}
			l, err := o.existing()
			if err != nil {
				return err
			}
			return o.runChecks(cmd.Context(), l, globs)
		},
	}
	cmd.Flags().BoolVar(&list, "list", false, "only list the checks and what each proves")
	return cmd
}

// runChecks runs the checks that the globs choose, all without any, and prints
// each result, or with json one document. Codes: failed (a check failed), usage
// (the lab is not up, a glob matches nothing).
func (o *options) runChecks(ctx context.Context, l *lab.Lab, globs []string) error {
	out := o.env.Stdout
	if o.quiet && !o.json {
		return o.runChecksBriefly(ctx, l, globs, out)
	}
	return prove(ctx, l, globs, o.env.Stderr, func(checks []check.Check) (func(check.Result), func(check.Report) error) {
		if o.json {
			return nil, func(r check.Report) error { return check.WriteJSON(out, r) }
		}
		p := o.printer(out, checks)
		return p.Print, func(r check.Report) error { p.Summary(r); return p.Err() }
	})
}

// runChecksBriefly prints the checks that did not pass, all with --verbose, and the
// summary: for the end of `lab up`. With --quiet there is none unless a check failed.
// Codes as of runChecks.
func (o *options) runChecksBriefly(ctx context.Context, l *lab.Lab, globs []string, out io.Writer) error {
	waits := out
	if o.quiet {
		waits = io.Discard
	}
	return prove(ctx, l, globs, waits, func(checks []check.Check) (func(check.Result), func(check.Report) error) {
		p := o.printer(out, checks)
		return func(r check.Result) {
				if r.Result == check.Fail || o.verbose {
					p.Print(r)
				}
			}, func(r check.Report) error {
				if !o.quiet || r.Err() != nil {
					p.Summary(r)
				}
				return p.Err()
			}
	})
}

// printing makes what hears of each result, which may be nil, and of the end.
type printing func(checks []check.Check) (each func(check.Result), end func(check.Report) error)

// prove runs the checks, and says on waits what takes long. A lab that is not up, and a
// check that is not there, are told before the log database is opened.
func prove(ctx context.Context, l *lab.Lab, globs []string, waits io.Writer, show printing) error {
	if err := withChecks(ctx, l, nil, globs, func(*check.Journey, []check.Check) error { return check.Up(ctx, l) }); err != nil {
		return interrupted(ctx, err)
	}
	log, err := lab.OpenLog(l.Target)
	if err != nil {
		return err
	}
	defer log.Close() // it was only read
	return withChecks(ctx, l, log, globs, func(journey *check.Journey, checks []check.Check) error {
		journey.Waiting = func(c check.Check) { _, _ = fmt.Fprintf(waits, "  … waiting for %s: %s\n", c.Name, c.Text) }
		each, end := show(checks)
		report := check.Run(ctx, journey, checks, each)
		if err := end(report); err != nil {
			return err
		}
		return interrupted(ctx, report.Err())
	})
}

// listChecks lists the checks that the globs choose, of a lab that need not be up.
func (o *options) listChecks(ctx context.Context, globs []string) error {
	l, err := o.describe()
	if err != nil {
		return err
	}
	return withChecks(ctx, l, nil, globs, func(_ *check.Journey, checks []check.Check) error {
		if o.json {
			return writeJSON(o.env.Stdout, check.List(checks))
		}
		return check.WriteList(o.env.Stdout, checks)
	})
}

// withChecks hands f a journey and those of its checks that the globs choose. Checks that
// are only listed need no log.
func withChecks(ctx context.Context, l *lab.Lab, log check.EventLog, globs []string, f func(*check.Journey, []check.Check) error) error {
	journey := check.New(ctx, l, log)
	defer journey.Close()
	checks, err := check.Choose(check.Catalogue(journey), globs)
	if err != nil {
		return err
	}
	return f(journey, checks)
}
