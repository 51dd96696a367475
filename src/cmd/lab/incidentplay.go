package main

import (
	"errors"
	"fmt"
	"io"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"unicode"

	"github.com/spf13/cobra"

	"chatlab/src/lab"
	"chatlab/src/lab/drill"
	"chatlab/src/lab/incident"
	"chatlab/src/lab/incident/scenario"
	"chatlab/src/lab/local"
)

func incidentStartCommand(o *options) *cobra.Command {
	var c incidentChoice
	cmd := &cobra.Command{
		Use: "start [NAME]", Short: "Begin an incident; without a name one is drawn and not named",
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: completeIncidents,
		RunE: func(cmd *cobra.Command, names []string) error {
			c.name, c.seeded = strings.Join(names, ""), cmd.Flags().Changed("seed")
			r, err := o.room(cmd.Context())
			if err != nil {
				return err
			}
			if err := errors.Join(drill.Free(r.State), incident.Free(r.State)); err != nil {
				return err
			}
			s, text, drawn, err := c.scenario(cmd, o, r.Lab)
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			r.Say("checking that the lab is well")
			if err := wellBefore(ctx, r.Lab, "incident"); err != nil {
				return interrupted(ctx, err)
			}
			if err := r.Start(ctx, s, text, drawn, c.seed); err != nil {
				return interrupted(ctx, err)
			}
			return o.tellStory(r.Lab, s, c, drawn)
		},
	}
	cmd.Flags().IntVar(&c.level, "level", 0, "draw one of this level: `1`, 2 or 3")
	cmd.Flags().Uint64Var(&c.seed, "seed", 0, "of the draw: the same `number`, the same incident")
	cmd.Flags().StringVar(&c.file, "file", "", "scenario `file` of your own")
	return cmd
}

// tellStory prints the users' words, where to look and the next steps.
func (o *options) tellStory(l *lab.Lab, s *scenario.Scenario, c incidentChoice, drawn bool) error {
	if o.json {
		return writeJSON(o.env.Stdout, map[string]any{"level": s.Level, "minutes": s.Minutes, "story": s.Story, "question": s.Question})
	}
	out := o.env.Stdout
	fmt.Fprintf(out, "\n%s\n\nLevel %d, %d minutes", strings.TrimSpace(s.Story), s.Level, s.Minutes)
	if drawn {
		fmt.Fprintf(out, ", drawn by --seed %d", c.seed)
	}
	fmt.Fprint(out, ".\n\nlook and repair with:\n")
	if err := o.printCommands(out, [][2]string{
		{"status", "which services run, and whether they are ready"},
		{"check", "what works for a user"},
		{"logs SERVICE --since 10m", "what a service says"},
		{"events -f", "what the event log stores"},
		{"exec NODE -- COMMAND", "look at a node"},
		{"restart SERVICE", "also start, stop"},
	}); err != nil {
		return err
	}
	settings := "/etc/chatlab on each node"
	if l.Target.Name() == local.Name {
		settings = filepath.Join(local.RunDir(o.stateDir()), "etc")
	}
	fmt.Fprintf(out, "settings of the services: %s; restart a service after a change\n", settings)
	printPlaces(out, l)
	fmt.Fprintf(out, "\n%s\n", strings.TrimSpace(s.Question))
	return o.printCommands(out, [][2]string{
		{"incident answer", "name it"},
		{"incident check", "prove the repair"},
		{"incident hint", "a hint, which costs points"},
		{"incident status", "how it stands"},
	})
}

// printCommands prints commands for this lab, and what each is for.
func (o *options) printCommands(out io.Writer, rows [][2]string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		verb, more := row[0], ""
		if i := strings.IndexFunc(verb, func(r rune) bool { return unicode.IsUpper(r) || r == '-' }); i > 0 {
			verb, more = verb[:i], " "+verb[i:]
		}
		fmt.Fprintf(w, "  %s\t%s\n", o.commandWith(verb, more), row[1])
	}
	return w.Flush()
}

func incidentStatusCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show the time, the hints taken and what users feel, never the cause",
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := o.room(cmd.Context())
			if err != nil {
				return err
			}
			s, err := r.Status(cmd.Context())
			if err != nil {
				return err
			}
			if o.json {
				return writeJSON(o.env.Stdout, s)
			}
			if !s.Running {
				return o.printOutcome("")
			}
			out := o.env.Stdout
			fmt.Fprintf(out, "running   %s of %d minutes, level %d\n", age(s.Took), s.Minutes, s.Level)
			fmt.Fprintf(out, "hints     %d of %d\n", s.Hints, s.HintsMax)
			fmt.Fprintf(out, "answers   %d of %d causes named, %d wrong\n", s.Causes, s.All, s.Wrong)
			fmt.Fprintf(out, "users     chat %s, sign-in %s, event log %s\n", s.Feels.Chat, s.Feels.SignIn, s.Feels.Events)
			if !s.Users {
				fmt.Fprintln(out, "          the process of the simulated users had ended; it was started again, and they enter once the lab serves them")
			}
			return nil
		},
	}
}

func incidentHintCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "hint", Short: "Show the next hint, which costs points",
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := o.room(cmd.Context())
			if err != nil {
				return err
			}
			hint, left, err := r.Hint()
			if err != nil {
				return err
			}
			if o.json {
				return writeJSON(o.env.Stdout, map[string]any{"hint": hint, "left": left})
			}
			_, err = fmt.Fprintf(o.env.Stdout, "%s\n(%d more)\n", strings.TrimSpace(hint), left)
			return err
		},
	}
}

// incidentUsersCommand is what `lab incident start` leaves in the background.
func incidentUsersCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "users", Short: "Let simulated users chat and sign in (started by `lab incident start`)", Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			signal.Ignore(syscall.SIGHUP) // the terminal may be closed
			log, err := o.env.Logger("info")
			if err != nil {
				return err
			}
			l, err := o.describe()
			if err != nil {
				return err
			}
			return incident.RunUsers(cmd.Context(), l, o.stateDir(), log)
		},
	}
}
