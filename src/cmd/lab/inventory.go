package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"chatlab/src/errs"
	"chatlab/src/lab/inventory"
)

// verdict is what `lab inventory check --json` prints.
type verdict struct {
	OK       bool                `json:"ok"`
	Nodes    int                 `json:"nodes"`
	Mistakes []inventory.Mistake `json:"mistakes"`
	Lines    []string            `json:"lines"` // each mistake as people read it
}

func inventoryCommand(o *options) *cobra.Command {
	var seen string
	cmd := &cobra.Command{Use: "inventory", Short: "Look an inventory over", Args: noVerb}
	check := &cobra.Command{
		Use: "check", Short: "Show every mistake of an inventory: where, what, and the fix",
		Long: "Show every mistake of an inventory: where, what, and the fix. The playbook asks it too, before it\n" +
			"reaches any machine. An inventory that is not YAML is read by ansible-inventory.\n",
		Args: noArgs,
		RunE: func(_ *cobra.Command, _ []string) error { return o.checkInventory(seen) },
	}
	check.Flags().StringVar(&seen, "seen", "", "`file`, or - for standard input: the lab as Ansible sees it, in the form of ansible-inventory --list. "+
		"Without --inventory, it is all that is looked at")
	cmd.AddCommand(check)
	return cmd
}

// checkInventory prints the mistakes. Codes: usage where the inventory cannot be read,
// failed where it has a mistake.
func (o *options) checkInventory(seen string) error {
	inv, path, mistakes, err := o.mistakes(seen)
	if err != nil {
		return err
	}
	v := verdict{OK: len(mistakes) == 0, Mistakes: mistakes, Lines: []string{}}
	if inv != nil {
		v.Nodes = len(inv.Nodes)
	}
	for _, m := range mistakes {
		v.Lines = append(v.Lines, m.String())
	}
	if err := o.printVerdict(v, path); err != nil {
		return err
	}
	if !v.OK {
		return errs.E(errs.Failed, "inventory %s: %d mistakes", path, len(mistakes)).WithFix("correct the lines above")
	}
	return nil
}

func (o *options) printVerdict(v verdict, path string) error {
	if o.json {
		if v.Mistakes == nil {
			v.Mistakes = []inventory.Mistake{}
		}
		return json.NewEncoder(o.env.Stdout).Encode(v)
	}
	for _, line := range v.Lines {
		if _, err := fmt.Fprintln(o.env.Stdout, line); err != nil {
			return err
		}
	}
	if v.OK {
		_, err := fmt.Fprintf(o.env.Stdout, "%s: no mistake, %d machines\n", path, v.Nodes)
		return err
	}
	return nil
}

// mistakes are those of the source, or where it has none, those of what Ansible makes
// of it. Code usage.
func (o *options) mistakes(seen string) (inv *inventory.Inventory, path string, mistakes []inventory.Mistake, err error) {
	if seen == "" || o.inventory != "" {
		if path, err = o.chosenInventory(); err != nil {
			return nil, "", nil, err
		}
		inv, mistakes, err = inventory.CheckFile(path)
	}
	if seen == "" || err != nil || len(mistakes) > 0 {
		return inv, path, mistakes, err
	}
	list, err := o.input(seen)
	if err != nil {
		return nil, path, nil, err
	}
	if path == "" {
		path = "(as Ansible sees it)"
	}
	other, mistakes, err := inventory.CheckList(path, list)
	if err == nil && len(mistakes) == 0 && inv != nil {
		mistakes = inv.Differences(other)
	}
	return other, path, mistakes, err
}

// input reads a file, or standard input where it is called -. Code usage.
func (o *options) input(name string) ([]byte, error) {
	read := func() ([]byte, error) { return os.ReadFile(name) }
	if name == "-" {
		read = func() ([]byte, error) { return io.ReadAll(o.env.Stdin) }
	}
	text, err := read()
	if err != nil {
		return nil, errs.E(errs.Usage, "%w", err)
	}
	return text, nil
}
