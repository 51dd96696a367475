package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/incident"
	"chatlab/src/lab/watch"
)

func statusCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show what runs where, and whether it is ready",
		Long:  "Asks every service whether it is ready. Exit status 0 when all are, otherwise 1.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := o.existing()
			if err != nil {
				return err
			}
			rows, err := l.Target.Status(cmd.Context())
			if err != nil {
				return err
			}
			if o.json {
				err = writeJSON(o.env.Stdout, rows)
			} else {
				err = o.printStatus(o.env.Stdout, rows)
				printPlaces(o.env.Stdout, l)
				o.printIncident(o.env.Stdout)
			}
			if err != nil {
				return err
			}
			return o.verdict(rows)
		},
	}
}

// verdict is nil when all is ready. Code failed.
func (o *options) verdict(rows []lab.ServiceStatus) error {
	down := func(s lab.ServiceStatus) bool { return s.State == lab.Down }
	bad := slices.IndexFunc(rows, func(s lab.ServiceStatus) bool { return s.State != lab.Ready })
	switch {
	case bad < 0:
		return nil
	case !slices.ContainsFunc(rows, func(s lab.ServiceStatus) bool { return !down(s) }):
		return errs.E(errs.Failed, "the lab is down").WithFix("`lab up` brings it up")
	}
	err := errs.E(errs.Failed, "%s on %s is %s", rows[bad].Service, rows[bad].Node, rows[bad].State)
	if incident.Free(o.stateDir()) != nil {
		return err.WithFix("its log: %s", rows[bad].Log) // `lab up` is refused while a person repairs
	}
	return err.WithFix("`lab up` starts what lacks; its log: %s", rows[bad].Log)
}

func (o *options) printStatus(out io.Writer, rows []lab.ServiceStatus) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	ink, all := o.inkFor(out), !narrow(out, wholeStatus)
	columns := []string{"SERVICE", "NODE", "ADDRESS", ink.paint(neutral, "STATE"), "PID", "UP", "RESTARTS"}
	if !all {
		columns = []string{columns[0], columns[1], columns[2], columns[3], "UP"}
	}
	fmt.Fprintln(w, strings.Join(columns, "\t"))
	for _, r := range rows {
		pid, since := "-", "-"
		if r.PID > 0 {
			pid, since = fmt.Sprint(r.PID), age(time.Since(r.Since))
		}
		cells := []string{r.Service, r.Node, cmp.Or(r.Address, "-"), ink.verdict(string(r.State)), pid, since, fmt.Sprint(r.Restarts)}
		if !all {
			cells = append(cells[:4], since)
		}
		if r.Reason != "" {
			cells = append(cells, o.pasted(r.Reason))
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

// wholeStatus is how many columns the whole table takes.
const wholeStatus = 76

// printPlaces prints where to look at the lab, and where the password is.
func printPlaces(out io.Writer, l *lab.Lab) {
	for _, p := range watch.Places(l) {
		fmt.Fprintf(out, "%s: %s, user %s, password in %s\n", p.Name, p.URL, p.User, p.Password)
	}
}

// printIncident says that an incident is played, not which.
func (o *options) printIncident(out io.Writer) {
	if since, running := incident.Running(o.stateDir()); running && !since.IsZero() {
		fmt.Fprintf(out, "an incident has been running for %s: %s\n", age(time.Since(since)), o.command("incident status"))
	}
}

// age prints a duration as a person would say it.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d.Hours())/24)
}

func writeJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
