package main

import (
	"github.com/spf13/cobra"

	"chatlab/src/lab/local"
	"chatlab/src/lab/local/supervisor"
)

// superviseCommand is what `lab up` starts in the background.
func superviseCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:    "supervise",
		Short:  "Keep the services of a local lab running (started by `lab up`)",
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := o.env.Logger("info")
			if err != nil {
				return err
			}
			return supervisor.Run(cmd.Context(), local.RunDir(o.stateDir()), log)
		},
	}
}
