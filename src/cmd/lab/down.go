package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/drill"
	"chatlab/src/lab/incident"
)

func downCommand(o *options) *cobra.Command {
	var purge bool
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Take the lab down; no process and no port is left",
		Long: "Stops everything in reverse order, kills what does not stop and what a killed\n" +
			"supervisor has left. Data and secrets stay, unless --purge.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if name := drill.Running(o.stateDir()); name != "" {
				return errs.E(errs.Usage, "the drill %s is running on this lab", name).WithFix("wait for it, or stop it with Ctrl-C: it heals the lab first")
			}
			held, err := o.held()
			if err != nil {
				return err
			}
			left := o.left()
			target, err := o.openDown()
			if err != nil {
				return err
			}
			if err := o.endIncident(cmd.Context()); err != nil {
				return err
			}
			if err := target.Down(cmd.Context(), purge, o.progress()); err != nil {
				return err
			}
			if err := drill.Forget(o.stateDir()); err != nil {
				return err
			}
			said := "the lab is down"
			if !held && len(left) == 0 {
				said = "no lab in " + o.stateDir()
			}
			fmt.Fprintln(o.progressOut(), said)
			return nil
		},
	}
	cmd.Flags().BoolVar(&purge, "purge", false, "remove data and secrets too")
	return cmd
}

// endIncident ends the incident of the lab, if there is one, and heals what can be healed.
// Code failed.
func (o *options) endIncident(ctx context.Context) error {
	l, err := o.describe()
	if err != nil {
		l = nil // a broken inventory must not keep the lab up
	}
	return incident.BeforeDown(ctx, l, o.stateDir())
}

// openDown returns the target without its inventory: running services are known from
// the state, and a broken inventory must not keep it up.
func (o *options) openDown() (lab.Target, error) { return o.targetOf(o.stateDir(), nil) }
