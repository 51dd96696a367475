package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/incident"
	"chatlab/src/lab/local"
)

func doctorCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Find what would stop `lab up` on this machine, and how to mend it",
		Long:  "Exit status 0 when `lab up` can work, 1 when something will stop it.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			state := o.stateDir()
			if err := o.checkState(); err != nil {
				return err
			}
			inv, err := o.loadInventory()
			if err != nil {
				return err
			}
			target, err := o.targetOf(state, inv)
			if err != nil {
				return err
			}
			knows, ok := target.(doctor)
			if !ok {
				return errs.E(errs.Usage, "target %s is not brought up from here", target.Name()).WithFix("ansible-playbook ansible/site.yml says what would stop it")
			}
			findings := knows.Doctor(cmd.Context())
			findings = append(findings, local.Refusal("incident", "no incident that `lab up` would repair",
				incident.BeforeUp(cmd.Context(), &lab.Lab{Inventory: inv, Target: target}, state)))
			if o.json {
				if err := writeJSON(o.env.Stdout, findings); err != nil {
					return err
				}
			} else {
				o.printFindings(findings)
			}
			return verdictOf(findings)
		},
	}
}

func (o *options) printFindings(findings []local.Finding) {
	for _, f := range findings {
		f.Fix = o.pasted(f.Fix)
		fmt.Fprint(o.env.Stdout, f)
	}
}

// verdictOf is nil when nothing stops `up`. Code failed.
func verdictOf(findings []local.Finding) error {
	bad := 0
	for _, f := range findings {
		if f.Result == local.Fail {
			bad++
		}
	}
	if bad > 0 {
		return errs.E(errs.Failed, "%d of %d findings stop `lab up`", bad, len(findings))
	}
	return nil
}
