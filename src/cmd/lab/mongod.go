package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"chatlab/src/errs"
	"chatlab/src/ferret"
)

// mongodCommand is the log database of a lab without MongoDB.
func mongodCommand(o *options) *cobra.Command {
	var listen, dir string
	cmd := &cobra.Command{
		Use:    "mongod",
		Short:  "Serve an embedded MongoDB-wire database (started by `lab up`)",
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				return errs.E(errs.Usage, "--dir is missing").WithFix("name a folder for the database's files")
			}
			server, err := ferret.Listen(listen, dir)
			if err != nil {
				return err
			}
			fmt.Fprintln(o.env.Stderr, "serving", server.URI())
			return server.Serve(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:27017", "host:port")
	cmd.Flags().StringVar(&dir, "dir", "", "`folder` of its data")
	return cmd
}
