package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/check"
	"chatlab/src/lab/incident"
	"chatlab/src/lab/incident/scenario"
)

func incidentCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "incident",
		Short: "Break something without saying what, for a person to find and repair",
		Long: "Makes a fault that nobody names and that stays until it is repaired. Simulated users\n" +
			"chat and sign in meanwhile. Look and repair with status, logs, events, exec, ssh,\n" +
			"start, stop and restart. docs/writing-incidents.md: scenarios of your own.",
		Example: "  lab incident list\n  lab incident start --level 1   one is drawn, and not named\n  lab incident status            how long, and what users feel\n" +
			"  lab incident hint\n  lab incident answer chatd stopped\n  lab incident check --report incident.html",
		Args: noVerb, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	o.addReaching(cmd.PersistentFlags())
	cmd.AddCommand(
		incidentListCommand(o), incidentStartCommand(o), incidentStatusCommand(o), incidentHintCommand(o), incidentAnswerCommand(o),
		incidentCheckCommand(o), incidentRevealCommand(o), incidentEndCommand(o), incidentValidateCommand(o), incidentRehearseCommand(o), incidentUsersCommand(o),
	)
	for _, sub := range cmd.Commands() {
		if sub.Args == nil {
			sub.Args = noArgs
		}
		if sub.ValidArgsFunction == nil {
			sub.ValidArgsFunction = cobra.NoFileCompletions
		}
	}
	return cmd
}

// listedIncident is an incident of the list. Its title would say too much.
type listedIncident struct {
	Name    string   `json:"incident"`
	Level   int      `json:"level"`
	Minutes int      `json:"minutes"`
	Targets []string `json:"targets,omitempty"` // none: all
	Runs    bool     `json:"runs"`              // on the lab that the flags name
	Why     string   `json:"why,omitempty"`     // it does not
}

func incidentListCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Name the incidents: level, minutes, and whether this lab can have them",
		RunE: func(*cobra.Command, []string) error {
			all, err := scenario.All()
			if err != nil {
				return err
			}
			l, labErr := o.describe()
			var list []listedIncident
			for _, s := range all {
				row := listedIncident{Name: s.Name, Level: s.Level, Minutes: s.Minutes, Targets: s.Needs.Targets}
				if row.Why = incidentSkipped(l, s); labErr != nil {
					row.Why = labErr.Error()
				}
				row.Runs = row.Why == ""
				list = append(list, row)
			}
			if o.json {
				return writeJSON(o.env.Stdout, list)
			}
			w := tabwriter.NewWriter(o.env.Stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "INCIDENT\tLEVEL\tMINUTES\tHERE")
			for _, row := range list {
				here := "yes"
				if !row.Runs {
					here = "no: " + row.Why
				}
				fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", row.Name, row.Level, row.Minutes, here)
			}
			return w.Flush()
		},
	}
}

func incidentSkipped(l *lab.Lab, s *scenario.Scenario) string {
	if l == nil {
		return ""
	}
	return incident.Skipped(l, s)
}

func incidentValidateCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "validate FILE…", Short: "Name every mistake of scenario files, with its line and fix",
		Args: cobra.ArbitraryArgs, ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, files []string) error {
			if len(files) == 0 {
				return usage(cmd, errs.E(errs.Usage, "name a scenario file"))
			}
			known := o.knownChecks(cmd)
			var bad []string
			for _, file := range files {
				s, _, err := readScenario(file, known)
				if err != nil {
					bad = append(bad, err.Error())
					continue
				}
				fmt.Fprintf(o.env.Stdout, "%s: ok, level %d, %d minutes\n", file, s.Level, s.Minutes)
			}
			if len(bad) > 0 {
				return errs.E(errs.Usage, "%s", strings.Join(bad, "\n"))
			}
			return nil
		},
	}
}

func completeFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

// readScenario reads and validates a scenario file. Code usage.
func readScenario(file string, known func(string) (string, bool)) (*scenario.Scenario, []byte, error) {
	name, text, err := scenario.Read(file)
	if err != nil {
		return nil, nil, err
	}
	s, err := scenario.Parse(file, text, known)
	if err == nil {
		s.Name = name
	}
	return s, text, err
}

// knownChecks tells whether a lab has a check: that which the flags name, or one of the
// target's own topologies. nil where there is no inventory to ask.
func (o *options) knownChecks(cmd *cobra.Command) func(string) (string, bool) {
	var all []check.Check
	for _, topology := range []string{"", single, highlyAvailable} {
		variant := *o
		if variant.topology = topology; topology != "" {
			variant.inventory = ""
		}
		all = append(all, variant.catalogue(cmd.Context())...)
	}
	if len(all) == 0 {
		return nil
	}
	return func(glob string) (string, bool) {
		if _, err := check.Choose(all, []string{glob}); err == nil {
			return "", true
		}
		var names []string
		for _, c := range all {
			names = append(names, c.Name)
		}
		return errs.Nearest(glob, names), false
	}
}

// catalogue lists the checks of the lab that the flags name, none where they name none.
func (o *options) catalogue(ctx context.Context) []check.Check {
	l, err := o.describe()
	if err != nil {
		return nil
	}
	journey := check.New(ctx, l, nil) // its checks are only named
	defer journey.Close()
	return check.Catalogue(journey)
}

// completeIncidents names the embedded incidents.
func completeIncidents(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	var names []string
	if all, err := scenario.All(); err == nil && len(args) == 0 {
		for _, s := range all {
			if strings.HasPrefix(s.Name, begun) {
				names = append(names, s.Name)
			}
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
