package main

import (
	"context"
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
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, globs []string) error {
			l, err := o.open()
			if err != nil {
				return err
			}
			if list {
				return listChecks(cmd.Context(), l, o.env.Stdout, globs, o.json)
			}
			return runChecks(cmd.Context(), l, o.env.Stdout, globs, o.json)
		},
	}
	cmd.Flags().BoolVar(&list, "list", false, "only list the checks and what each proves")
	return cmd
}

// runChecks runs the checks that the globs choose, all without any, and prints
// each result, or with json one document. Codes: failed (a check failed), usage
// (the lab is not up, a glob matches nothing).
func runChecks(ctx context.Context, l *lab.Lab, out io.Writer, globs []string, json bool) error {
	return prove(ctx, l, globs, func(checks []check.Check) (func(check.Result), func(check.Report) error) {
		if json {
			return nil, func(r check.Report) error { return check.WriteJSON(out, r) }
		}
		p := check.NewPrinter(out, checks)
		return p.Print, func(r check.Report) error { p.Summary(r); return p.Err() }
	})
}

// runChecksBriefly runs all checks and prints those that did not pass, and the
// summary: for the end of `lab up`. Codes as of runChecks.
func runChecksBriefly(ctx context.Context, l *lab.Lab, out io.Writer) error {
	return prove(ctx, l, nil, func(checks []check.Check) (func(check.Result), func(check.Report) error) {
		p := check.NewPrinter(out, checks)
		return func(r check.Result) {
			if r.Result == check.Fail {
				p.Print(r)
			}
		}, func(r check.Report) error { p.Summary(r); return p.Err() }
	})
}

// printing makes what hears of each result, which may be nil, and of the end.
type printing func(checks []check.Check) (each func(check.Result), end func(check.Report) error)

func prove(ctx context.Context, l *lab.Lab, globs []string, show printing) error {
	return withChecks(ctx, l, globs, func(journey *check.Journey, checks []check.Check) error {
		if err := check.Up(ctx, l); err != nil {
			return err
		}
		each, end := show(checks)
		report := check.Run(ctx, journey, checks, each)
		if err := end(report); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return report.Err()
	})
}

func listChecks(ctx context.Context, l *lab.Lab, out io.Writer, globs []string, json bool) error {
	return withChecks(ctx, l, globs, func(_ *check.Journey, checks []check.Check) error {
		if json {
			return writeJSON(out, check.List(checks))
		}
		return check.WriteList(out, checks)
	})
}

// withChecks hands f a journey and those of its checks that the globs choose.
func withChecks(ctx context.Context, l *lab.Lab, globs []string, f func(*check.Journey, []check.Check) error) error {
	journey, done, err := newJourney(ctx, l)
	if err != nil {
		return err
	}
	defer done()
	checks, err := check.Choose(check.Catalogue(journey), globs)
	if err != nil {
		return err
	}
	return f(journey, checks)
}

// newJourney opens the log database, which is asked when a check needs it, and
// makes a journey with it.
func newJourney(ctx context.Context, l *lab.Lab) (*check.Journey, func(), error) {
	log, err := openLog(l.Target)
	if err != nil {
		return nil, nil, err
	}
	journey := check.New(ctx, l, log)
	return journey, func() {
		journey.Close()
		_ = log.Close() // it was only read
	}, nil
}
