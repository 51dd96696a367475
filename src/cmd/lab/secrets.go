package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"chatlab/src/errs"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/local"
	"chatlab/src/lab/secrets"
)

// secretsFlags are those of the verbs below `lab secrets`.
type secretsFlags struct {
	check bool
	dir   string
	seen  string
	vars  map[string]string
	step  string
	only  []string
}

func secretsCommand(o *options) *cobra.Command {
	f := &secretsFlags{}
	cmd := &cobra.Command{Use: "secrets", Short: "Make, rotate and show the lab's keys, passwords and certificates", Args: noVerb}
	flags := cmd.PersistentFlags()
	flags.StringVar(&f.dir, "dir", "", "`folder` of the secrets (default: secrets in --state)")
	flags.StringVar(&f.seen, "seen", "", "`file`, or - for standard input: the inventory in the form of ansible-inventory --list, in place of --inventory")
	flags.StringToStringVar(&f.vars, "var", nil, "`NAME=VALUE` of a variable that the playbook is given with -e, as mongodb_embedded=true")
	make := &cobra.Command{
		Use: "make", Short: "Make whatever is absent or ends soon; what is good stays", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			return o.changeSecrets(f, func(s *secrets.Store) (secrets.Made, error) { return s.Make() })
		},
	}
	rotate := &cobra.Command{
		Use: "rotate", Short: "Take one step of a rotation: ansible/rotate.yml takes both, and tells the services between them",
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			return o.changeSecrets(f, func(s *secrets.Store) (secrets.Made, error) { return s.Rotate(f.step, f.only) })
		},
	}
	rotate.Flags().StringVar(&f.step, "step", "", "`add` a new secret beside the old one, or use it and give the old one up")
	rotate.Flags().StringSliceVar(&f.only, "only", nil, "`kinds`: jwt, passwords, certificates (default: all)")
	remove := &cobra.Command{
		Use: "remove", Short: "Remove them all; ansible/reset.yml does it when no machine needs them", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			return o.changeSecrets(f, func(s *secrets.Store) (secrets.Made, error) { return s.Remove() })
		},
	}
	for _, c := range []*cobra.Command{make, rotate, remove} {
		c.Flags().BoolVar(&f.check, "check", false, "show what would change, and write nothing")
	}
	show := &cobra.Command{
		Use: "show", Short: "List the secrets, and when certificates end", Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return o.showSecrets(f) },
	}
	cmd.AddCommand(make, rotate, show, remove)
	return cmd
}

// store returns the folder of secrets that the flags name. Code usage.
func (o *options) store(f *secretsFlags) (*secrets.Store, error) {
	inv, err := o.secretsInventory(f.seen)
	if err != nil {
		return nil, err
	}
	for name, value := range f.vars {
		inv.Set(name, value)
	}
	dir := f.dir
	if dir == "" {
		dir = filepath.Join(o.stateDir(), "secrets")
	}
	return &secrets.Store{Dir: dir, Inventory: inv, Processes: o.target == local.Name && f.seen == "", Now: time.Now(), Check: f.check}, nil
}

func (o *options) secretsInventory(seen string) (*inventory.Inventory, error) {
	if seen == "" {
		return o.loadInventory()
	}
	list, err := o.input(seen)
	if err != nil {
		return nil, err
	}
	inv, mistakes, err := inventory.CheckList("(as Ansible sees it)", list)
	if err == nil && len(mistakes) > 0 {
		err = errs.E(errs.Usage, "inventory %s", mistakes[0]).WithFix("`lab inventory check` shows all mistakes")
	}
	return inv, err
}

// changeSecrets makes or rotates, and prints what it made. Codes: usage, failed.
func (o *options) changeSecrets(f *secretsFlags, change func(*secrets.Store) (secrets.Made, error)) error {
	s, err := o.store(f)
	if err != nil {
		return err
	}
	made, err := change(s)
	if err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(o.env.Stdout).Encode(made)
	}
	text := "nothing to change in " + s.Dir
	if made.Changed {
		verb := "changed"
		if f.check {
			verb = "would change"
		}
		text = fmt.Sprintf("%s in %s: %s", verb, s.Dir, strings.Join(made.Made, " "))
	}
	_, err = fmt.Fprintln(o.env.Stdout, text)
	return err
}

func (o *options) showSecrets(f *secretsFlags) error {
	s, err := o.store(f)
	if err != nil {
		return err
	}
	if _, err := os.Stat(s.Dir); err != nil {
		return errs.E(errs.Usage, "no secrets: %w", err).WithFix("`lab up` makes them, and `lab secrets make`")
	}
	entries := s.Show()
	if o.json {
		return json.NewEncoder(o.env.Stdout).Encode(entries)
	}
	w, problems := tabwriter.NewWriter(o.env.Stdout, 0, 0, 2, ' ', 0), 0
	for _, e := range entries {
		end := "no end"
		if e.Ends != "" {
			end = fmt.Sprintf("ends %.10s, in %d days", e.Ends, e.Days)
		}
		if e.Problem != "" {
			end = "PROBLEM: " + e.Problem
			problems++
		}
		if _, err := fmt.Fprintf(w, "%s\t%s\t%s\n", e.Name, e.Kind, end); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if problems > 0 {
		return errs.E(errs.Failed, "%d of %d secrets are not well", problems, len(entries)).WithFix("`lab secrets make` makes what lacks")
	}
	return nil
}
