// Lab brings a lab up, shows it, proves it and takes it down: section 8 of the
// design, `lab --help`.
package main

import (
	"cmp"
	"context"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chatlab/src/app"
	"chatlab/src/errs"
)

func main() { os.Exit(app.Main("lab", run)) }

func run(ctx context.Context, env *app.Env) error {
	o := &options{env: env}
	return o.hint(newRoot(o).ExecuteContext(ctx))
}

// newRoot makes the command with all its verbs.
func newRoot(o *options) *cobra.Command {
	env := o.env
	root := &cobra.Command{
		Use:   "lab",
		Short: "Bring a chat lab up, prove that it works, take it down",
		Example: "  lab up            bring the lab up on this machine and prove it\n" +
			"  lab check         prove it again\n" +
			"  lab status        what runs where\n" +
			"  lab events -f     follow the event log\n" +
			"  lab down          take it down; its data stays",
		Version:       app.Version(),
		SilenceErrors: true, // app.Main prints them
		SilenceUsage:  true,
	}
	root.SetVersionTemplate("lab {{.Version}}\n")
	root.SetArgs(env.Args)
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	root.SetFlagErrorFunc(flagError)
	o.addTo(root.PersistentFlags())
	root.AddCommand(verbs(o)...)
	for _, cmd := range root.Commands() {
		if cmd.Args == nil {
			cmd.Args = noArgs
		}
		if cmd.ValidArgsFunction == nil {
			cmd.ValidArgsFunction = cobra.NoFileCompletions
		}
	}
	root.InitDefaultCompletionCmd(env.Args...)
	groups(root)
	return root
}

// documented are the commands that tell programs, too, what they tell people.
var documented = []string{"up", "status", "check", "drill", "events", "open", "view", "incident", "doctor", "list", "users", "inventory", "secrets"}

// verbs are what lab can do.
func verbs(o *options) []*cobra.Command {
	up, doctor, machines := upCommand(o), doctorCommand(o), machinesCommand(o)
	for _, cmd := range []*cobra.Command{up, doctor, machines} {
		o.addMaking(cmd.PersistentFlags())
	}
	down, snapshot, checks, drills, actions := downCommand(o), snapshotCommand(o), checkCommand(o), drillCommand(o), actionCommands(o)
	reaching := []*cobra.Command{
		statusCommand(o), checks, drills, eventsCommand(o), logsCommand(o), execCommand(o), sshCommand(o), openCommand(o), viewCommand(o),
	}
	reaching = append(reaching, actions...)
	for _, cmd := range reaching {
		o.addReaching(cmd.Flags())
	}
	for _, cmd := range append(actions, up, down, snapshot, checks, drills) {
		o.addTelling(cmd.PersistentFlags())
	}
	all := append(reaching, incidentCommand(o), up, doctor, snapshot, down, listCommand(o), usersCommand(o), inventoryCommand(o), secretsCommand(o), superviseCommand(o), mongodCommand(o), machines)
	for _, cmd := range all {
		if slices.Contains(documented, cmd.Name()) {
			cmd.PersistentFlags().BoolVar(&o.json, "json", false, "machine-readable output")
		}
	}
	return all
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(cmd, errs.E(errs.Usage, "unexpected argument %q", args[0]))
	}
	return nil
}

// groups makes commands that only hold others print their help, and refuse what they do
// not hold.
func groups(cmd *cobra.Command) {
	if cmd.HasSubCommands() && !cmd.Runnable() {
		cmd.Args = noVerb
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	for _, sub := range cmd.Commands() {
		groups(sub)
	}
}

func noVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var verbs []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			verbs = append(verbs, sub.Name())
		}
	}
	if near := errs.Nearest(args[0], verbs); near != "" {
		return usage(cmd, errs.E(errs.Usage, "unknown verb %q, did you mean %s?", args[0], near))
	}
	return usage(cmd, errs.E(errs.Usage, "unknown verb %q", args[0]))
}

// wrongValue matches what pflag says of a flag's value, with Go's own words behind it.
var wrongValue = regexp.MustCompile(`^invalid argument ("[^"]*") for "(?:-\w, )?(--[\w-]+)" flag: .*$`)

// flagError words a mistake in a flag.
func flagError(cmd *cobra.Command, err error) error {
	if m := wrongValue.FindStringSubmatch(err.Error()); m != nil {
		f := cmd.Flag(strings.TrimPrefix(m[2], "--"))
		want := map[string]string{"duration": "a duration as 30s or 5m", "bool": "true or false", "uint64": "a whole number, 0 or more"}[f.Value.Type()]
		return usage(cmd, errs.E(errs.Usage, "%s %s is not %s", m[2], m[1], cmp.Or(want, "a whole number")))
	}
	return usage(cmd, err)
}

func usage(cmd *cobra.Command, err error) error {
	return errs.E(errs.Usage, "%w", err).WithFix("see `%s --help`", cmd.CommandPath())
}
