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

func snapshotCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "snapshot",
		Short: "Keep the state of all machines under a name, and go back to it",
		Long: "For targets whose nodes are machines. All machines are kept, or none; they are\n" +
			"switched off in good order meanwhile, so that databases are at rest, and run\n" +
			"again afterwards. After restoring, the lab is checked.",
		Example: "  lab snapshot save fresh --target nspawn\n  lab snapshot list --target nspawn\n  lab snapshot restore fresh --target nspawn",
		Args:    noVerb,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use: "save NAME", Short: "Keep the state of all machines", Args: oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.snapshots(func(l *lab.Lab, s lab.Snapshotter) error {
				return o.explain(s.SaveSnapshot(cmd.Context(), args[0], o.progress()))
			})
		},
	}, &cobra.Command{
		Use: "restore NAME", Short: "Bring all machines back to what they were, and check the lab", Args: oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.snapshots(func(l *lab.Lab, s lab.Snapshotter) error {
				if err := s.RestoreSnapshot(cmd.Context(), args[0], o.progress()); err != nil {
					return o.explain(err)
				}
				return o.runChecksBriefly(cmd.Context(), l, nil, o.resultOut())
			})
		},
	}, &cobra.Command{
		Use: "list", Short: "Name the snapshots, the oldest first", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.snapshots(func(_ *lab.Lab, s lab.Snapshotter) error { return o.listSnapshots(cmd.Context(), s) })
		},
	})
	return cmd
}

func oneName(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage(cmd, errs.E(errs.Usage, "give one name of a snapshot"))
	}
	return nil
}

// snapshots acts on the lab, which no drill or incident may be breaking meanwhile. Code
// usage where the target keeps none.
func (o *options) snapshots(act func(*lab.Lab, lab.Snapshotter) error) error {
	l, err := o.existing()
	if err != nil {
		return err
	}
	s, ok := l.Target.(lab.Snapshotter)
	if !ok {
		return errs.E(errs.Usage, "target %s keeps no snapshots", l.Target.Name()).WithFix("--target nspawn or vagrant")
	}
	if err := drill.Free(o.stateDir()); err != nil {
		return err
	}
	if err := incident.Free(o.stateDir()); err != nil {
		return err
	}
	return act(l, s)
}

func (o *options) listSnapshots(ctx context.Context, s lab.Snapshotter) error {
	names, err := s.Snapshots(ctx)
	if err != nil {
		return err
	}
	if o.json {
		return writeJSON(o.env.Stdout, append([]string{}, names...))
	}
	for _, name := range names {
		if _, err := fmt.Fprintln(o.env.Stdout, name); err != nil {
			return err
		}
	}
	return nil
}
