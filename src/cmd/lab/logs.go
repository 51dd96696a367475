package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"chatlab/src/errs"
	"chatlab/src/lab"
)

func logsCommand(o *options) *cobra.Command {
	var want lab.Logs
	var since string
	cmd := &cobra.Command{
		Use: "logs [SERVICE[@NODE]…]", Short: "Show what services log, or follow it", Args: cobra.ArbitraryArgs, ValidArgsFunction: o.completeServices,
		Long:    "Shows the logs of the services, of all without a name. Where there are several, each\nline begins with its service and node.",
		Example: "  lab logs -f\n  lab logs chatd --since 10m\n  lab logs authd@auth -n 50",
		RunE: func(cmd *cobra.Command, names []string) (err error) {
			if want.Since, err = parseSince(since, time.Now()); err != nil {
				return err
			}
			if want.Follow && !cmd.Flags().Changed("lines") {
				want.Lines = 10
			}
			err = o.logs(cmd.Context(), names, want)
			if errors.Is(err, context.Canceled) && want.Follow {
				return nil // ^C is how following ends
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&want.Follow, "follow", "f", false, "go on with each new line")
	flags.IntVarP(&want.Lines, "lines", "n", -1, "only the last `N` of each (default: all, 10 with -f)")
	flags.StringVar(&since, "since", "", "only lines of this age or younger, as 90s, 10m, 2h, or from a `time` as 2006-01-02T15:04:05Z on")
	return cmd
}

func (o *options) logs(ctx context.Context, names []string, want lab.Logs) error {
	l, err := o.existing()
	if err != nil {
		return err
	}
	rows, err := named(ctx, l, names)
	if err != nil {
		return err
	}
	whole := &sync.Mutex{} // a line at a time
	var group errgroup.Group
	if !want.Follow {
		group.SetLimit(1) // one log after the other
	}
	for _, r := range rows {
		if r.Address == "" && len(names) == 0 {
			continue // a logger's lines are its daemon's
		}
		group.Go(func() error {
			host, err := attended(l, r.Node)
			if err != nil {
				return err
			}
			out := &prefixer{out: o.env.Stdout, whole: whole}
			if len(rows) > 1 {
				out.prefix = r.Service + "@" + r.Node + " | "
			}
			return host.Logs(ctx, r.Service, want, out)
		})
	}
	return group.Wait()
}

// attended returns a machine at which a person can work. Codes: not_found, usage.
func attended(l *lab.Lab, node string) (lab.Attended, error) {
	host, err := l.Target.Host(node)
	if err != nil {
		return nil, err
	}
	if h, ok := host.(lab.Attended); ok {
		return h, nil
	}
	return nil, errs.E(errs.Usage, "target %s has no logs and runs no commands", l.Target.Name())
}

// prefixer writes whole lines, each with a prefix and without escapes that would reach
// the terminal.
type prefixer struct {
	out    io.Writer
	whole  *sync.Mutex
	prefix string
	part   []byte // of a line
}

func (p *prefixer) Write(text []byte) (int, error) {
	p.part = append(p.part, text...)
	for {
		i := bytes.IndexByte(p.part, '\n')
		if i < 0 {
			return len(text), nil
		}
		line := p.prefix + visible(string(p.part[:i])) + "\n"
		p.part = p.part[i+1:]
		p.whole.Lock()
		_, err := io.WriteString(p.out, line)
		p.whole.Unlock()
		if err != nil {
			return 0, err
		}
	}
}
