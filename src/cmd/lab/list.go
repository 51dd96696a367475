package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"chatlab/src/lab"
	"chatlab/src/lab/local"
	"chatlab/src/lab/nspawn"
)

func listCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Name the labs that run on this machine",
		Long: "Looks for the processes of labs of targets local and nspawn: state folder, target,\n" +
			"instance, since when. Another user's are seen by root only. Virtual machines are listed by\n" +
			"`vagrant global-status`.",
		RunE: func(*cobra.Command, []string) error {
			labs := running()
			if o.json {
				return writeJSON(o.env.Stdout, append([]lab.Running{}, labs...))
			}
			if len(labs) == 0 {
				_, err := fmt.Fprintln(o.env.Stdout, "no lab runs on this machine")
				return err
			}
			w := tabwriter.NewWriter(o.env.Stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "STATE\tTARGET\tINSTANCE\tUP")
			for _, l := range labs {
				instance := "-"
				if l.Instance > 0 {
					instance = strconv.Itoa(l.Instance)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.State, l.Target, instance, age(time.Since(l.Since)))
			}
			return w.Flush()
		},
	}
}

// running lists the labs of this machine that can be seen, by their state folders.
func running() []lab.Running {
	labs := slices.Concat(local.Running(), nspawn.Running())
	slices.SortFunc(labs, func(a, b lab.Running) int { return strings.Compare(a.State, b.State) })
	return labs
}
