package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"chatlab/src/lab/nspawn"
)

// machinesCommand brings up the machines of target nspawn alone, with nothing
// on them: for work on the playbook.
func machinesCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "machines", Short: "Bring bare systemd-nspawn machines up or down, without the playbook", Hidden: true, Args: noVerb}
	cmd.AddCommand(&cobra.Command{
		Use: "up", Short: "Boot the machines of the inventory", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.target = nspawn.Name
			inv, err := o.loadInventory()
			if err != nil {
				return err
			}
			machines, err := nspawn.NewMachines(o.machines(o.stateDir(), inv))
			if err != nil {
				return err
			}
			if err := machines.Up(cmd.Context(), o.progress()); err != nil {
				return err
			}
			for _, n := range inv.Nodes {
				if _, err := fmt.Fprintln(o.env.Stdout, machines.SSH(n)); err != nil {
					return err
				}
			}
			return nil
		},
	})
	cmd.AddCommand(&cobra.Command{
		Use: "play PLAYBOOK [-- ARGUMENT...]", Short: "Run a playbook of ansible/ on the machines, with more arguments of ansible-playbook",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.target = nspawn.Name
			inv, err := o.loadInventory()
			if err != nil {
				return err
			}
			target, err := nspawn.New(o.machines(o.stateDir(), inv))
			if err != nil {
				return err
			}
			return o.explain(target.Play(cmd.Context(), args[0], "", o.progress(), args[1:]...))
		},
	})
	cmd.AddCommand(&cobra.Command{
		Use: "image", Short: "Build the machines' image unless it is there, and print its folder", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			made, err := nspawn.System(projectDir(), o.profile)
			if err != nil {
				return err
			}
			dir, err := nspawn.Image(cmd.Context(), made, newProgress(o.env.Stderr, o.inkFor(o.env.Stderr)))
			if err == nil {
				_, err = fmt.Fprintln(o.env.Stdout, dir)
			}
			return err
		},
	})
	var purge bool
	down := &cobra.Command{
		Use: "down", Short: "Stop the machines; no process, bridge, rule or mount is left", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.target = nspawn.Name
			machines, err := nspawn.NewMachines(o.machines(o.stateDir(), nil))
			if err != nil {
				return err
			}
			return machines.Down(cmd.Context(), purge, o.progress())
		},
	}
	down.Flags().BoolVar(&purge, "purge", false, "remove their files and keys too")
	cmd.AddCommand(down)
	return cmd
}
