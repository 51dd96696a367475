package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chatlab/src/app"
	"chatlab/src/errs"
	"chatlab/src/health"
	"chatlab/src/zbx"
)

// sendCommand pushes values by the trapper protocol: those of healthd's keys,
// or any that are given as KEY=VALUE.
func sendCommand(env *app.Env) *cobra.Command {
	return &cobra.Command{
		Use: "send KEY… | KEY=VALUE…", Short: "Push values to the Zabbix servers", DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			words, rest := split(args)
			cfg := defaults()
			if err := withArgs(env, rest).Load(&cfg); err != nil {
				return err
			}
			trappers, err := cfg.trappers()
			switch {
			case err != nil:
				return err
			case len(words) == 0:
				return errs.E(errs.Usage, "no key").WithFix("healthd send 'chatlab.up[chat]', or KEY=VALUE")
			case len(trappers) == 0:
				return errs.E(errs.Usage, "no Zabbix server").WithFix("set active.servers to HOST:10051")
			}
			agent, err := newAgent(cfg)
			if err != nil {
				return err
			}
			defer agent.Close()
			values, err := valuesOf(cmd.Context(), agent.checks, cfg.host(), words)
			if err != nil {
				return err
			}
			return push(cmd.Context(), env, trappers, values)
		},
	}
}

// split takes all words from among the flags.
func split(args []string) (words, flags []string) {
	for len(args) > 0 {
		var word string
		word, args = firstKey(args)
		if word == "" {
			return words, args
		}
		words = append(words, word)
	}
	return words, nil
}

// valuesOf takes the values; a key without one is an error, as a trapper item
// cannot be told a reason.
func valuesOf(ctx context.Context, checks *health.Checks, host string, words []string) ([]zbx.Value, error) {
	var out []zbx.Value
	for _, word := range words {
		key, value, given := cutValue(word)
		if !given {
			var err error
			if value, err = checks.Value(ctx, key); err != nil {
				return nil, errs.E(errs.Failed, "%s: %s", key, errs.Public(err)).WithFix("%s", errs.FixOf(err))
			}
		}
		out = append(out, zbx.Value{Host: host, Key: key, Value: value, Time: time.Now()})
	}
	return out, nil
}

// cutValue splits KEY=VALUE; a = within the key's brackets is the key's.
func cutValue(word string) (key, value string, given bool) {
	end := 0
	if i := strings.IndexAny(word, "[="); i >= 0 && word[i] == '[' {
		end = strings.LastIndexByte(word, ']') + 1
		if j := strings.Index(word, "]="); j >= 0 {
			end = j + 1
		}
	}
	head, value, given := strings.Cut(word[end:], "=")
	return word[:end] + head, value, given
}

// push gives every server the values, whichever of them fail.
func push(ctx context.Context, env *app.Env, trappers []zbx.Peer, values []zbx.Value) error {
	var faults []error
	for _, peer := range trappers {
		sent, err := peer.Send(ctx, values)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if _, err := fmt.Fprintf(env.Stdout, "%s processed %d, failed %d\n", peer.Addr, sent.Processed, sent.Failed); err != nil {
			return err
		}
	}
	if len(faults) == 1 {
		return faults[0]
	}
	return errors.Join(faults...)
}
