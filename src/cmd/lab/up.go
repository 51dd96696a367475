package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"chatlab/src/errs"
	"chatlab/src/lab"
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
	out := o.env.Stdout
	if o.json {
		out = o.env.Stderr // standard output is for the one document
	}
	if err := l.Target.Up(ctx, newProgress(out)); err != nil {
		return o.explain(err)
	}
	fmt.Fprintf(out, "all ready in %.1fs\n", time.Since(start).Seconds())
	var verdict error // of the checks: the lab is up even when one failed
	if prove {
		verdict = runChecksBriefly(ctx, l, out)
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

func printSummary(out io.Writer, o *options, l *lab.Lab, rows []lab.ServiceStatus) error {
	fmt.Fprintln(out)
	if err := printStatus(out, rows); err != nil {
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
		fix = strings.TrimPrefix(fix+"; then `"+o.command("up")+"` goes on from here", "; ")
	}
	return errs.E(errs.Failed, "%w", err).WithFix("%s", fix)
}

// command returns how to call a verb for the same lab from the same place.
func (o *options) command(verb string) string {
	words := []string{o.program(), verb}
	if o.target != local.Name {
		words = append(words, "--target", o.target)
	}
	if o.topology != "" && verb == "up" {
		words = append(words, "--topology", o.topology)
	}
	if o.inventory != "" && verb == "up" { // the others find it in the state
		words = append(words, "--inventory", o.inventory)
	}
	if o.profile != "" && verb == "up" {
		words = append(words, "--profile", o.profile)
	}
	if o.power && verb == "up" {
		words = append(words, "--power")
	}
	if o.state != "" {
		words = append(words, "--state", o.state)
	}
	return strings.Join(words, " ")
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
	client := filepath.Join(filepath.Dir(o.program()), "client")
	if o.state != "" || o.target != local.Name {
		client += " --config " + filepath.Join(o.stateDir(), "client.yaml")
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nnext:")
	for _, row := range [][2]string{
		{client + " signup", "a user of your own"},
		{client, "chat; run it in several terminals"},
		{o.command("events") + " -f", "follow the event log"},
		{o.command("check"), "prove the lab again"},
		{o.command("status"), "what runs where"},
		{o.command("down"), "take it down; its data stays (--purge removes it)"},
	} {
		fmt.Fprintf(w, "  %s\t%s\n", row[0], row[1])
	}
	if _, err := fmt.Fprintf(w, "  nc %s\tchat by hand: paste a token first\n",
		strings.ReplaceAll(l.Inventory.Addresses(inventory.Chatd)[0], ":", " ")); err != nil {
		return err
	}
	return w.Flush()
}
