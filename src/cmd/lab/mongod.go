package main

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"chatlab/src/errs"
	"chatlab/src/ferret"
	"chatlab/src/mtls"
)

// mongodCommand is the log database of a lab without MongoDB.
func mongodCommand(o *options) *cobra.Command {
	var listen, dir string
	var files mtls.Files
	cmd := &cobra.Command{
		Use:    "mongod",
		Short:  "Serve an embedded MongoDB-wire database (started by `lab up`)",
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				return errs.E(errs.Usage, "--dir is missing").WithFix("name a folder for the database's files")
			}
			server, err := ferret.ListenTLS(listen, dir, files, slog.New(slog.NewTextHandler(o.env.Stderr, nil)))
			if err != nil {
				return err
			}
			fmt.Fprintln(o.env.Stderr, "serving", server.Addr())
			return server.Serve(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:27017", "host:port")
	cmd.Flags().StringVar(&dir, "dir", "", "`folder` of its data")
	cmd.Flags().StringVar(&files.CA, "ca", "", "PEM `file` of the CA that signs both sides")
	cmd.Flags().StringVar(&files.Cert, "cert", "", "PEM `file` of its certificate")
	cmd.Flags().StringVar(&files.Key, "key", "", "PEM `file` of its private key")
	return cmd
}
