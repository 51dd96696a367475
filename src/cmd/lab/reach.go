package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/watch"
)

func execCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "exec NODE -- COMMAND…", Short: "Run a command on a node, as root on machines", ValidArgsFunction: o.completeNodes,
		Example: "  lab exec auth -- systemctl status chatlab-authd --target nspawn\n  lab exec log -- ss -ltn",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage(cmd, errs.E(errs.Usage, "name a node and a command"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := o.existing()
			if err != nil {
				return err
			}
			host, err := attended(l, args[0])
			if err != nil {
				return o.noNode(l, args[0], err)
			}
			return host.Attend(cmd.Context(), lab.Streams{In: o.env.Stdin, Out: o.env.Stdout, Err: o.env.Stderr}, args[1:]...)
		},
	}
}

// noNode lists the nodes there are, where the node was the mistake.
func (o *options) noNode(l *lab.Lab, node string, err error) error {
	if !errs.Is(err, errs.NotFound) {
		return err
	}
	return errs.E(errs.Usage, "no node %q in this lab", node).WithFix("there are %s", strings.Join(nodeNames(l.Inventory), " "))
}

func nodeNames(inv *inventory.Inventory) []string {
	var out []string
	for _, n := range inv.Nodes {
		out = append(out, n.Name)
	}
	return out
}

// reachable is a target whose nodes are reached by SSH.
type reachable interface {
	SSH(node string) ([]string, error)
}

func sshCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "ssh NODE", Short: "Log in to a machine", ValidArgsFunction: o.completeNodes,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage(cmd, errs.E(errs.Usage, "name one node"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := o.existing()
			if err != nil {
				return err
			}
			target, ok := l.Target.(reachable)
			if !ok {
				return errs.E(errs.Usage, "the nodes of target %s are processes of this machine", l.Target.Name()).WithFix("`lab exec %s -- COMMAND`", args[0])
			}
			argv, err := target.SSH(args[0])
			if err != nil {
				return o.noNode(l, args[0], err)
			}
			ssh := exec.CommandContext(cmd.Context(), argv[0], argv[1:]...)
			ssh.Stdin, ssh.Stdout, ssh.Stderr = os.Stdin, os.Stdout, os.Stderr
			if err := ssh.Run(); err != nil {
				return errs.E(errs.Failed, "%s: %w", lab.Shell(argv...), err)
			}
			return nil
		},
	}
}

func openCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "open", Short: "Print the addresses at which a person uses the lab and looks at it",
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := o.existing()
			if err != nil {
				return err
			}
			places := placesOf(l)
			if o.json {
				return writeJSON(o.env.Stdout, places)
			}
			return printTable(o.env.Stdout, places)
		},
	}
}

// placesOf are the servers of the lab, and what watches them.
func placesOf(l *lab.Lab) []watch.Place {
	var out []watch.Place
	for _, addr := range l.Inventory.Servers(inventory.Authd) {
		out = append(out, watch.Place{Name: "auth server", URL: addr})
	}
	scheme := "tcp://"
	if l.Inventory.TLS(inventory.Chatd) {
		scheme = "tls://"
	}
	for _, addr := range l.Inventory.Addresses(inventory.Chatd) {
		out = append(out, watch.Place{Name: "chat server", URL: scheme + addr})
	}
	return append(out, watch.Places(l)...)
}

func printTable(out io.Writer, places []watch.Place) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, p := range places {
		fmt.Fprintf(w, "%s\t%s", p.Name, p.URL)
		if p.User != "" {
			fmt.Fprintf(w, "\tuser %s, password in %s", p.User, p.Password)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}
