package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chatlab/src/errs"
	"chatlab/src/lab/drill"
	"chatlab/src/lab/incident"
	"chatlab/src/lab/incident/scenario"
)

// shownChecks is how many checks that fail are shown: one fault makes many fail.
const shownChecks = 5

func incidentCheckCommand(o *options) *cobra.Command {
	var report string
	cmd := &cobra.Command{
		Use: "check", Short: "Prove the repair: checks, then the account of all lines, events and users",
		Long: "Runs the checks of the incident. When they pass, all that the simulated users said and\n" +
			"did is read back: a repair that lost something costs points. Then the incident is over.\n" +
			"Exit status 0 when the lab is repaired, 1 when it is not.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if report != "" {
				if err := incident.CheckFile(report); err != nil {
					return err
				}
			}
			r, err := o.room(cmd.Context())
			if err != nil {
				return err
			}
			failing, err := r.Check(cmd.Context())
			if err != nil {
				return interrupted(cmd.Context(), err)
			}
			if len(failing) > 0 {
				for _, f := range failing[:min(shownChecks, len(failing))] {
					fmt.Fprintf(o.progressOut(), "  fails: %s: expected %s, seen %s\n", f.Name, f.Expected, f.Seen)
				}
				return errs.E(errs.Failed, "the lab is not repaired: %d checks fail", len(failing)).WithFix("`lab status`, `lab incident hint`")
			}
			return o.printOutcome(report)
		},
	}
	cmd.Flags().StringVar(&report, "report", "", "`file` for a report when it is over: .json or .html (one page with a timeline)")
	return cmd
}

func incidentRevealCommand(o *options) *cobra.Command {
	return giveUpCommand(o, "reveal", "Show the cause and the shortest way to find it, and heal the lab", true)
}

func incidentEndCommand(o *options) *cobra.Command {
	return giveUpCommand(o, "end", "Heal the lab, without a word about the cause", false)
}

// giveUpCommand ends an incident that is not repaired.
func giveUpCommand(o *options, use, short string, reveal bool) *cobra.Command {
	var report string
	cmd := &cobra.Command{Use: use, Short: short, RunE: func(cmd *cobra.Command, _ []string) error { return o.giveUp(cmd, report, reveal) }}
	cmd.Flags().StringVar(&report, "report", "", "`file` for a report: .json or .html")
	return cmd
}

func (o *options) giveUp(cmd *cobra.Command, report string, reveal bool) error {
	if report != "" {
		if err := incident.CheckFile(report); err != nil {
			return err
		}
	}
	r, err := o.room(cmd.Context())
	if err != nil {
		return err
	}
	if !reveal {
		if err := r.End(cmd.Context()); err != nil {
			return err
		}
		return o.endOutcome(report, "the incident is over, and the lab is healed")
	}
	if _, err := r.Reveal(cmd.Context()); err != nil {
		return err
	}
	return o.printOutcome(report)
}

// endOutcome saves a report, and says one line.
func (o *options) endOutcome(report, line string) error {
	last, err := incident.Last(o.stateDir())
	if err == nil && report != "" {
		err = last.Save(report)
	}
	if err != nil && report != "" {
		return err
	}
	_, err = fmt.Fprintln(o.progressOut(), line)
	return err
}

// printOutcome prints the last incident with its cause, and saves a report unless it is
// "".
func (o *options) printOutcome(report string) error {
	last, err := incident.Last(o.stateDir())
	if err != nil {
		return err
	}
	if report != "" {
		if err := last.Save(report); err != nil {
			return err
		}
	}
	if o.json {
		return writeJSON(o.env.Stdout, last)
	}
	return last.Print(o.env.Stdout)
}

func incidentRehearseCommand(o *options) *cobra.Command {
	var file string
	var limit time.Duration
	cmd := &cobra.Command{
		Use: "rehearse [NAME…]", Short: "Play incidents with their own solutions: the symptom shows, the solution repairs, nothing is lost",
		Long: "For those who write incidents. Without a name every incident that this lab can have is\n" +
			"rehearsed. Exit status 0 when all went as their files say, 1 when one did not.",
		Args: cobra.ArbitraryArgs, ValidArgsFunction: completeIncidents,
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := drill.Free(o.stateDir()); err != nil {
				return err
			}
			r, err := o.room(cmd.Context())
			if err != nil {
				return err
			}
			r.Wait = limit
			parts, err := o.rehearsed(cmd, names, file)
			if err != nil {
				return err
			}
			return o.rehearse(cmd, r, parts)
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "scenario `file` of your own")
	cmd.Flags().DurationVar(&limit, "wait", 2*time.Minute, "longest `time` until the symptoms show, and until the solution has repaired the lab")
	return cmd
}

// rehearsal is a scenario with its text.
type rehearsal struct {
	scenario *scenario.Scenario
	text     []byte
}

// rehearsed returns the scenarios that are meant, all without any. Code usage.
func (o *options) rehearsed(cmd *cobra.Command, names []string, file string) (out []rehearsal, err error) {
	if file != "" {
		if len(names) > 0 {
			return nil, errs.E(errs.Usage, "--file and a name both choose the incident").WithFix("leave one out")
		}
		s, text, err := readScenario(file, o.knownChecks(cmd))
		return []rehearsal{{s, text}}, err
	}
	if len(names) == 0 {
		all, err := scenario.All()
		if err != nil {
			return nil, err
		}
		for _, s := range all {
			names = append(names, s.Name)
		}
	}
	for _, name := range names {
		s, text, err := embedded(name)
		if err != nil {
			return nil, err
		}
		out = append(out, rehearsal{s, text})
	}
	return out, nil
}

func (o *options) rehearse(cmd *cobra.Command, r *incident.Room, parts []rehearsal) error {
	ctx := cmd.Context()
	var reports []*incident.Rehearsal
	var failed []string
	skipped := 0
	for _, part := range parts {
		if why := incident.Skipped(r.Lab, part.scenario); why != "" {
			skipped++
			fmt.Fprintf(o.progressOut(), "%s: skipped: %s\n", part.scenario.Name, why)
			continue
		}
		if err := wellBefore(ctx, r.Lab, "incident"); err != nil {
			return interrupted(ctx, err)
		}
		report, err := r.Rehearse(ctx, part.scenario, part.text)
		if err != nil {
			return interrupted(ctx, err)
		}
		reports = append(reports, report)
		if !report.OK {
			failed = append(failed, report.Name)
		}
		fmt.Fprintln(o.progressOut(), report)
	}
	if o.json {
		if err := writeJSON(o.env.Stdout, reports); err != nil {
			return err
		}
	}
	switch {
	case len(failed) > 0:
		return errs.E(errs.Failed, "not as their files say: %s", strings.Join(failed, ", "))
	case len(reports) == 0:
		return errs.E(errs.Failed, "no incident could be rehearsed: %d skipped", skipped)
	}
	return nil
}
