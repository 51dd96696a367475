package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/lab"
	"chatlab/src/mongodb"
)

// eventFlags are what `lab events` takes.
type eventFlags struct {
	follow bool
	last   int
	since  string
	filter mongodb.Filter
}

func eventsCommand(o *options) *cobra.Command {
	var f eventFlags
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Show the event log, or follow it",
		Long: "Reads the log database of the lab. A line an event: time, server, category, id,\n" +
			"data; --json gives one JSON object a line. Without --since it shows the last 20.",
		Example: "  lab events -f                      every event as it is stored\n" +
			"  lab events --category signin --since 10m\n" +
			"  lab events --id kim --json -n 5",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if f.filter.Since, err = parseSince(f.since, time.Now()); err != nil {
				return err
			}
			if err := f.known(); err != nil {
				return err
			}
			if f.last < 0 {
				return errs.E(errs.Usage, "-n %d is not a number of events", f.last)
			}
			if f.last == 0 && f.since == "" && !cmd.Flags().Changed("last") {
				f.last = 20
			}
			l, err := o.existing()
			if err != nil {
				return err
			}
			err = o.events(cmd.Context(), l, f)
			if errors.Is(err, context.Canceled) && f.follow {
				return nil // ^C is how following ends
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.follow, "follow", "f", false, "go on with each new event")
	flags.IntVarP(&f.last, "last", "n", 0, "only the last `N` (0: all; 20 without --since)")
	flags.StringVar(&f.since, "since", "", "only events of this age or younger, as 90s, 10m, 2h, or from a `time` as 2006-01-02T15:04:05Z on")
	flags.StringVar(&f.filter.Server, "server", "", "only events of this server: auth or chat")
	flags.StringVar(&f.filter.Category, "category", "", "only events of this category: signin, signup or chat")
	flags.StringVar(&f.filter.ID, "id", "", "only events of this user")
	return cmd
}

// known refuses a server and a category that no event has. Code usage.
func (f eventFlags) known() error {
	for _, filter := range []struct {
		flag, value string
		all         []string
	}{
		{"server", f.filter.Server, event.Servers},
		{"category", f.filter.Category, event.Categories},
	} {
		if filter.value != "" && !slices.Contains(filter.all, filter.value) {
			return errs.E(errs.Usage, "--%s %q: no event has it", filter.flag, filter.value).WithFix("--%s %s", filter.flag, strings.Join(filter.all, "|"))
		}
	}
	return nil
}

// parseSince reads an age or a time; empty is the zero time.
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if age, err := time.ParseDuration(text); err == nil && age > 0 {
		return now.Add(-age), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	return time.Time{}, errs.E(errs.Usage, "--since %q is neither an age nor a time", text).WithFix("write 90s, 10m, 2h or 2006-01-02T15:04:05Z")
}

func (o *options) events(ctx context.Context, l *lab.Lab, f eventFlags) error {
	log, err := lab.OpenLog(l.Target)
	if err != nil {
		return err
	}
	defer log.Close()
	if err := log.Ping(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return errs.E(errs.Failed, "%s: %s", l.Target.MongoURI(), errs.Public(err)).
			WithFix("`lab status` tells whether it is up, `lab up` brings it up")
	}
	p := &eventPrinter{out: o.env.Stdout, json: o.json}
	seen := map[string]time.Time{}
	records, err := lastEvents(ctx, log, f, o.env.Stderr)
	if err != nil {
		return err
	}
	for _, r := range records {
		seen[r.Event.ID.String()] = r.Event.Time()
		p.print(r)
	}
	if p.err != nil || !f.follow {
		return p.err
	}
	return follow(ctx, log, f.filter, seen, p)
}

// readLimit bounds the reading of the log as a whole, which may be long: what
// the driver allows one operation is meant for the short ones. patience is how
// long a person waits without being told why.
const (
	readLimit = 5 * time.Minute
	patience  = 2 * time.Second
)

// lastEvents returns the chosen events, at most the last ones. While it reads
// for long, it says so on progress.
func lastEvents(ctx context.Context, log *mongodb.Log, f eventFlags, progress io.Writer) ([]mongodb.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	done := make(chan struct{})
	var telling sync.WaitGroup
	defer telling.Wait()
	defer close(done)
	telling.Go(func() { tell(done, progress) })
	return log.Last(ctx, f.filter, f.last)
}

// tell says every few seconds that the log is being read, until done.
func tell(done <-chan struct{}, progress io.Writer) {
	began := time.Now()
	tick := time.NewTicker(patience)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			_, _ = fmt.Fprintf(progress, "lab: reading the whole event log for older events: %.0f s so far\n", time.Since(began).Seconds())
		}
	}
}
