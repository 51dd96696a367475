package main

import (
	"strings"

	"github.com/spf13/cobra"

	"chatlab/src/lab"
	"chatlab/src/lab/check"
	"chatlab/src/lab/drill"
)

// completing returns a function of the shell's completion: what stands for an argument in
// the lab that the flags name.
func (o *options) completing(of func(cmd *cobra.Command, l *lab.Lab) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		l, err := o.describe()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var out []string
		for _, word := range of(cmd, l) {
			if strings.HasPrefix(word, begun) {
				out = append(out, word)
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

func (o *options) completeServices(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	return o.completing(func(cmd *cobra.Command, l *lab.Lab) []string {
		rows, err := l.Target.Status(cmd.Context())
		if err != nil {
			return nil
		}
		return labels(rows)
	})(cmd, args, begun)
}

func (o *options) completeNodes(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return o.completing(func(_ *cobra.Command, l *lab.Lab) []string { return nodeNames(l.Inventory) })(cmd, args, begun)
}

func (o *options) completeChecks(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	return o.completing(func(cmd *cobra.Command, l *lab.Lab) []string {
		journey := check.New(cmd.Context(), l, nil)
		defer journey.Close()
		var names []string
		for _, c := range check.Catalogue(journey) {
			names = append(names, c.Name)
		}
		return names
	})(cmd, args, begun)
}

func (o *options) completeDrills(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, d := range drill.Catalogue() {
		if strings.HasPrefix(d.Name, begun) {
			names = append(names, d.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
