// Healthd answers a Zabbix server's passive checks about the lab's services:
// `healthd list` names the keys.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"chatlab/src/app"
	"chatlab/src/errs"
)

func main() { os.Exit(app.Main("healthd", run)) }

func run(ctx context.Context, env *app.Env) error {
	root := &cobra.Command{
		Use:   "healthd",
		Short: "Answer Zabbix's checks about the lab's services",
		Example: "  healthd --config healthd.yml              serve\n" +
			"  healthd get 'chatlab.up[chat]' --config …  one value, by hand or as a UserParameter\n" +
			"  healthd list                               the keys\n" +
			"  healthd send 'chatlab.up[chat]' --config … push values to the Zabbix servers of active.servers",
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions:  cobra.CompletionOptions{DisableDefaultCmd: true},
		DisableFlagParsing: true, // app.Env.Load does it
		Args:               cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			err := serve(cmd.Context(), withArgs(env, args))
			if errors.Is(err, pflag.ErrHelp) && slices.Contains(args, "--version") {
				return nil // it is shown; cobra would add its help
			}
			return err
		},
	}
	root.SetHelpCommand(&cobra.Command{Hidden: true})
	root.AddCommand(getCommand(env), listCommand(env), sendCommand(env))
	root.SetArgs(env.Args)
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	return root.ExecuteContext(ctx)
}

// noArgs refuses arguments, as the programs that have none do. Code usage.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return errs.E(errs.Usage, "unexpected argument %q", args[0]).WithFix("see `%s --help`", cmd.CommandPath())
	}
	return nil
}

func withArgs(env *app.Env, args []string) *app.Env {
	e := *env
	e.Args = args
	return &e
}

func getCommand(env *app.Env) *cobra.Command {
	return &cobra.Command{
		Use: "get KEY", Short: "Print the value of one key", DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			key, rest := firstKey(args)
			cfg := defaults()
			if err := withArgs(env, rest).Load(&cfg); err != nil {
				return err
			}
			if key == "" {
				return errs.E(errs.Usage, "no key").WithFix("healthd get agent.ping; `healthd list` names the keys")
			}
			agent, err := newAgent(cfg)
			if err != nil {
				return err
			}
			defer agent.Close()
			value, err := agent.checks.Value(cmd.Context(), key)
			if err != nil {
				return errs.E(errs.Failed, "%s: %s", key, errs.Public(err)).WithFix("%s", errs.FixOf(err))
			}
			_, err = fmt.Fprintln(env.Stdout, value)
			return err
		},
	}
}

// firstKey takes the key from among the flags.
func firstKey(args []string) (key string, rest []string) {
	for i := 0; i < len(args); i++ {
		switch {
		case !strings.HasPrefix(args[i], "-") && key == "":
			key = args[i]
		case strings.HasPrefix(args[i], "-") && !strings.Contains(args[i], "=") && i+1 < len(args) && takesValue(args[i]):
			rest = append(rest, args[i], args[i+1])
			i++
		default:
			rest = append(rest, args[i])
		}
	}
	return key, rest
}

func takesValue(flag string) bool {
	switch strings.TrimLeft(flag, "-") {
	case "help", "h", "version":
		return false
	}
	return true
}

func listCommand(env *app.Env) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Name the keys and what they are", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			agent, err := newAgent(defaults())
			if err != nil {
				return err
			}
			defer agent.Close()
			for _, c := range agent.checks.All() {
				if _, err := fmt.Fprintf(env.Stdout, "%-22s %s\n", c.Key, c.About); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
