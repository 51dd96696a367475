package main

import (
	"bufio"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/incident/scenario"
)

func incidentAnswerCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "answer [PART KIND]", Short: "Say which part is broken, and what kind of fault it is; without arguments you are asked",
		Args: cobra.MaximumNArgs(2), ValidArgsFunction: o.completeAnswer,
		RunE: func(cmd *cobra.Command, words []string) error {
			r, err := o.room(cmd.Context())
			if err != nil {
				return err
			}
			question, err := r.Question()
			if err != nil {
				return err
			}
			parts := answerParts(r.Lab)
			if len(words) == 0 {
				if words, err = o.ask(question, parts); err != nil {
					return err
				}
			}
			if len(words) != 2 {
				return usage(cmd, errs.E(errs.Usage, "name a part and a kind"))
			}
			if err := knownAnswer(words, parts); err != nil {
				return err
			}
			right, open, err := r.Answer(words[0], words[1])
			if err != nil {
				return err
			}
			return o.sayAnswer(right, open)
		},
	}
}

func (o *options) sayAnswer(right bool, open int) error {
	if o.json {
		return writeJSON(o.env.Stdout, map[string]any{"right": right, "causes_left": open})
	}
	text := "wrong: look again, or take a hint"
	switch {
	case right && open > 0:
		text = fmt.Sprintf("right, and there is more to find: %d causes are left", open)
	case right:
		text = "right"
	}
	_, err := fmt.Fprintln(o.env.Stdout, text)
	return err
}

// ask asks for a part and a kind on the terminal.
func (o *options) ask(question string, parts []string) ([]string, error) {
	out := o.env.Stdout
	fmt.Fprintf(out, "%s\nparts: %s\nkinds: %s\n", strings.TrimSpace(question), strings.Join(parts, " "), strings.Join(scenario.KindWords, " "))
	lines := bufio.NewScanner(o.env.Stdin)
	var words []string
	for _, what := range []string{"part", "kind"} {
		fmt.Fprintf(out, "%s: ", what)
		if !lines.Scan() {
			return nil, errs.E(errs.Usage, "no %s was given", what).WithFix("`lab incident answer PART KIND`")
		}
		words = append(words, strings.TrimSpace(lines.Text()))
	}
	return words, nil
}

// answerParts are the services and the nodes of a lab.
func answerParts(l *lab.Lab) []string {
	var out []string
	for _, n := range l.Inventory.Nodes {
		out = append(out, l.Inventory.Services(n)...)
	}
	out = append(out, "authd-logger", "chatd-logger")
	slices.Sort(out)
	return append(slices.Compact(out), nodeNames(l.Inventory)...)
}

// knownAnswer refuses words that cannot be an answer: a slip of the pen costs no points.
func knownAnswer(words, parts []string) error {
	service, _, _ := strings.Cut(strings.ToLower(words[0]), "@")
	for _, w := range []struct {
		what, word string
		known      []string
	}{{"part", service, parts}, {"kind", strings.ToLower(words[1]), scenario.KindWords}} {
		if !slices.Contains(w.known, w.word) {
			return errs.E(errs.Usage, "no %s is called %q", w.what, w.word).WithFix("one of %s", strings.Join(w.known, " "))
		}
	}
	return nil
}

func (o *options) completeAnswer(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	return o.completing(func(_ *cobra.Command, l *lab.Lab) []string {
		switch len(args) {
		case 0:
			return answerParts(l)
		case 1:
			return scenario.KindWords
		}
		return nil
	})(cmd, args, begun)
}
