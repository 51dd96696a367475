package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/incident"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/local"
)

func upCommand(o *options) *cobra.Command {
	var plan, noCheck bool
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Bring up what is not up yet, and prove it",
		Long: "Brings up what is not up yet, in order, waits until each service says that it\n" +
			"is ready, proves the lab with `lab check`, and prints where everything is.\n" +
			"Run it again at any time: after a failure it goes on from there, and a lab\n" +
			"whose programs or inventory have changed is started anew with its data.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := o.open()
			if err != nil {
				return err
			}
			if plan {
				return printTopology(o.env.Stdout, l.Inventory)
			}
			return up(cmd.Context(), o, l, !noCheck)
		},
	}
	cmd.Flags().BoolVar(&plan, "plan", false, "only print which node carries what, and start nothing")
	cmd.Flags().StringVar(&o.from, "from", "", "target nspawn: `part` of the playbook to begin with, as a failed task names it")
	cmd.Flags().BoolVar(&o.power, "power", false, "targets local and nspawn, as root: each node keeps its data on a disk whose power drills can cut; until --purge")
	cmd.Flags().BoolVar(&noCheck, "no-check", false, "do not run the checks at the end")
	return cmd
}

func up(ctx context.Context, o *options, l *lab.Lab, prove bool) error {
	start := time.Now()
	out := o.progressOut()
	if err := o.bringUp(ctx, l, out); err != nil {
		return err
	}
	fmt.Fprintf(out, "all ready in %.1fs\n", time.Since(start).Seconds())
	var verdict error // of the checks: the lab is up even when one failed
	if prove {
		verdict = o.runChecksBriefly(ctx, l, nil, o.resultOut())
	}
	rows, err := l.Target.Status(ctx)
	switch {
	case err != nil:
		return err
	case o.json:
		err = writeJSON(o.env.Stdout, rows)
	default:
		err = printSummary(out, o, l, rows)
	}
	if err != nil {
		return err
	}
	return verdict
}

// bringUp brings the lab up, and heals it of an incident that `lab down` or a reboot has
// ended. Codes: usage, failed.
func (o *options) bringUp(ctx context.Context, l *lab.Lab, out io.Writer) error {
	if err := incident.BeforeUp(ctx, l, o.stateDir()); err != nil {
		return err
	}
	if err := incident.BeforeStart(ctx, l, o.stateDir()); err != nil {
		return err
	}
	if err := l.Target.Up(ctx, o.progress()); err != nil {
		return o.explain(err)
	}
	healed, err := incident.AfterUp(ctx, l, o.stateDir())
	if healed {
		fmt.Fprintln(out, "an incident was cut short: the lab has been healed of it")
	}
	return err
}

func printSummary(out io.Writer, o *options, l *lab.Lab, rows []lab.ServiceStatus) error {
	fmt.Fprintln(out)
	if err := o.printStatus(out, rows); err != nil {
		return err
	}
	printPlaces(out, l)
	return printNext(out, o, l)
}

// explain shows the log of what failed, and adds how to go on.
func (o *options) explain(err error) error {
	if err == nil {
		return nil
	}
	var failed *local.StartError
	if errors.As(err, &failed) {
		for _, line := range failed.Tail {
			fmt.Fprintf(o.env.Stderr, "  | %s\n", line)
		}
		if failed.Log != "" {
			fmt.Fprintf(o.env.Stderr, "  log: %s\n", failed.Log)
		}
	}
	if errs.Is(err, errs.Usage) && failed == nil {
		return err
	}
	fix := errs.FixOf(err)
	if !strings.Contains(fix, "lab up") {
		fix = strings.TrimPrefix(fix+"; then `lab up` goes on from here", "; ")
	}
	return errs.E(errs.Failed, "%w", err).WithFix("%s", fix)
}

// printTopology prints what the inventory describes.
func printTopology(out io.Writer, inv *inventory.Inventory) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tPUBLIC\tPRIVATE\tCARRIES")
	for _, n := range inv.Nodes {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", n.Name, n.Public, n.Private, strings.Join(inv.Services(n), " "))
	}
	return w.Flush()
}

// printNext prints what to type next.
func printNext(out io.Writer, o *options, l *lab.Lab) error {
	client := []string{filepath.Join(filepath.Dir(o.program()), "client")}
	if o.state != "" || o.target != local.Name || o.instance > 0 {
		client = append(client, "--config", filepath.Join(o.stateDir(), "client.yaml"))
	}
	chat, port, err := net.SplitHostPort(l.Inventory.Addresses(inventory.Chatd)[0])
	if err != nil {
		return errs.E(errs.Usage, "address of chatd: %w", err)
	}
	byHand := []string{"nc", chat, port}
	if l.Inventory.TLS(inventory.Chatd) {
		ca, err := l.Target.Secret("ca.pem")
		if err != nil {
			return err
		}
		byHand = []string{"openssl", "s_client", "-quiet", "-verify_return_error", "-CAfile", ca, "-connect", net.JoinHostPort(chat, port)}
	}
	return printRows(out, "\nnext:", [][2]string{
		{lab.Shell(append(client, "signup")...), "a user of your own"},
		{lab.Shell(client...), "chat; run it in several terminals"},
		{o.command("view"), "look at the lab in a browser"},
		{o.command("events") + " -f", "follow the event log"},
		{o.command("check"), "prove the lab again"},
		{o.command("status"), "what runs where"},
		{o.command("down"), "take it down; its data stays (--purge removes it)"},
		{lab.Shell(byHand...), "chat by hand: paste a token first"},
	})
}

// printRows prints commands and what each does, beside it or, on a narrow terminal, below.
func printRows(out io.Writer, title string, rows [][2]string) error {
	left, right := 0, 0
	for _, row := range rows {
		left, right = max(left, len(row[0])), max(right, len(row[1]))
	}
	format := "  %s\t%s\n"
	if narrow(out, 2+left+2+right) {
		format = "  %s\n      %s\n"
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, title)
	for _, row := range rows {
		fmt.Fprintf(w, format, row[0], row[1])
	}
	return w.Flush()
}
