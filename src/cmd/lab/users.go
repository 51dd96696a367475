package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"chatlab/src/app"
	"chatlab/src/client"
	"chatlab/src/errs"
	"chatlab/src/lab/class"
)

func usersCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use: "users", Short: "Sign up, look for and remove the users of a list, as a class has one",
		Long: "The list is a CSV file with a line id,passwd,email for each user; passwd and email may\n" +
			"be empty. `add` makes the passwords that lack and writes them into the file, which\n" +
			"nobody else may read then. Users that are there already stay as they are.",
		Example: "  lab users add class.csv\n  lab users list class.csv\n  lab users remove class.csv",
	}
	for _, verb := range []struct {
		name, about string
		complete    bool // the list, before
		each        func(context.Context, *client.Auth, class.User) class.Outcome
	}{
		{"add", "Sign up the users of a list", true, class.Add},
		{"list", "Say which users of a list are there", false, class.Look},
		{"remove", "Delete the users of a list, by the passwords in it", false, class.Remove},
	} {
		cmd.AddCommand(&cobra.Command{
			Use: verb.name + " FILE", Short: verb.about, Args: oneFile,
			ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
				return []string{"csv"}, cobra.ShellCompDirectiveFilterFileExt
			},
			RunE: func(cmd *cobra.Command, args []string) error {
				users, err := class.Read(args[0])
				if err == nil && verb.complete {
					err = class.Complete(args[0], users)
				}
				if err != nil {
					return err
				}
				return o.eachUser(cmd.Context(), users, verb.each)
			},
		})
	}
	return cmd
}

func oneFile(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage(cmd, errs.E(errs.Usage, "name one file with a line id,passwd,email for each user"))
	}
	return nil
}

// eachUser does the same for one user after the other, and tells what became of each.
// Codes: failed (one was refused), usage, interrupted.
func (o *options) eachUser(ctx context.Context, users []class.User, do func(context.Context, *client.Auth, class.User) class.Outcome) error {
	l, err := o.existing()
	if err != nil {
		return err
	}
	auth, err := l.Auth()
	if err != nil {
		return err
	}
	defer auth.Close()
	outcomes, failed := []class.Outcome{}, 0
	ink := o.inkFor(o.env.Stdout)
	for _, u := range users {
		got := do(ctx, auth, u)
		if ctx.Err() != nil {
			return app.ErrInterrupted
		}
		outcomes = append(outcomes, got)
		state := got.State
		if got.Failed() {
			failed++
			state = ink.verdict(state)
		}
		if !o.json {
			line := fmt.Sprintf("%-32s  %s  %s", got.ID, state, got.Reason)
			fmt.Fprintln(o.env.Stdout, strings.TrimRight(line, " "))
		}
	}
	if o.json {
		if err := writeJSON(o.env.Stdout, outcomes); err != nil {
			return err
		}
	}
	if failed > 0 {
		return errs.E(errs.Failed, "%d of %d users are not as asked for", failed, len(users)).WithFix("mend their lines, and run it again: the others stay as they are")
	}
	return nil
}
