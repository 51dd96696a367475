package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/drill"
)

// actionCommands are start, stop and restart.
func actionCommands(o *options) []*cobra.Command {
	var out []*cobra.Command
	for _, a := range []struct {
		action lab.Action
		about  string
	}{
		{lab.Start, "Start services that were stopped, and wait until they are ready"},
		{lab.Stop, "Stop services in good order; they stay stopped until they are started"},
		{lab.Restart, "Stop services and start them again, and wait until they are ready"},
	} {
		out = append(out, &cobra.Command{
			Use: string(a.action) + " SERVICE[@NODE]…", Short: a.about, Args: someServices, ValidArgsFunction: o.completeServices,
			Long:    a.about + ".\nWithout @NODE the service is meant on each node that carries it, one after the other.",
			Example: "  lab " + string(a.action) + " logd\n  lab " + string(a.action) + " chatd@auth authd@auth",
			RunE:    func(cmd *cobra.Command, names []string) error { return o.act(cmd.Context(), a.action, names) },
		})
	}
	return out
}

func someServices(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usage(cmd, errs.E(errs.Usage, "name a service, as authd or chatd@chat"))
	}
	return nil
}

// act does the same to each service that the names mean.
func (o *options) act(ctx context.Context, a lab.Action, names []string) error {
	l, err := o.existing()
	if err != nil {
		return err
	}
	if err := drill.Free(o.stateDir()); err != nil {
		return err
	}
	rows, err := named(ctx, l, names)
	if err != nil {
		return err
	}
	progress := o.progress()
	for _, r := range rows {
		done := progress.Step(string(a) + " " + r.Service + " on " + r.Node)
		host, err := l.Target.Host(r.Node)
		if err == nil {
			err = host.Do(ctx, r.Service, a)
		}
		done(err)
		if err != nil {
			return err
		}
	}
	return nil
}

// named returns the services that names of the form SERVICE[@NODE] mean, all without any
// name. Code usage for one that the lab has not.
func named(ctx context.Context, l *lab.Lab, names []string) ([]lab.ServiceStatus, error) {
	all, err := l.Target.Status(ctx)
	if err != nil || len(names) == 0 {
		return all, err
	}
	var out []lab.ServiceStatus
	for _, name := range names {
		service, node, at := strings.Cut(name, "@")
		before := len(out)
		for _, r := range all {
			if r.Service == service && (!at || r.Node == node) {
				out = append(out, r)
			}
		}
		if len(out) == before {
			return nil, errs.E(errs.Usage, "no service %q in this lab", name).WithFix("there are %s", strings.Join(labels(all), " "))
		}
	}
	return out, nil
}

// labels returns what each service is called, the bare name first where it is enough.
func labels(rows []lab.ServiceStatus) []string {
	var out []string
	for _, r := range rows {
		if !slices.Contains(out, r.Service) {
			out = append(out, r.Service)
		}
	}
	for _, r := range rows {
		out = append(out, r.Service+"@"+r.Node)
	}
	return out
}
