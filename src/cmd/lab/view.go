package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"sync"

	"github.com/spf13/cobra"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/drill"
	"chatlab/src/lab/view"
	"chatlab/src/mongodb"
	"chatlab/src/wait"
)

// viewPort is where the page is unless another program is there.
const viewPort = 7575

func viewCommand(o *options) *cobra.Command {
	var port int
	var all bool
	cmd := &cobra.Command{
		Use:   "view",
		Short: "Show the lab in a browser, as it runs",
		Long: "Serves a page on 127.0.0.1 until it is interrupted: the lab drawn, its services with\n" +
			"their states, who talks to whom, a few curves, the event log, and marks of drills.\n" +
			"The page follows the lab within two seconds and changes nothing. The address that is\n" +
			"printed lets one browser in; then another is printed. On a machine without a browser,\n" +
			"forward the port by SSH: ssh -L 7575:127.0.0.1:7575 HOST",
		Example: "  lab view\n  lab view --instance 3 --port 8000\n  lab view --all",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ln, err := view.Listen(port)
			if err != nil {
				return err
			}
			defer func() { _ = ln.Close() }()
			if got := ln.Addr().(*net.TCPAddr).Port; got != port && port != 0 {
				fmt.Fprintf(o.env.Stderr, "lab: port %d is taken: the page is at port %d\n", port, got)
			}
			if all {
				return o.viewAll(cmd.Context(), ln)
			}
			return o.viewOne(cmd.Context(), ln)
		},
	}
	cmd.Flags().IntVar(&port, "port", viewPort, "`port` of 127.0.0.1; when it is taken, the next free one (0: any)")
	cmd.Flags().BoolVar(&all, "all", false, "every lab that runs on this machine and can be seen: yours, as root everybody's")
	return cmd
}

// opening returns the function that prints where the next browser is let in.
func (o *options) opening(ln net.Listener, next string) func(path string) {
	return func(path string) {
		url := "http://" + ln.Addr().String() + path
		if o.json {
			_ = writeJSON(o.env.Stdout, map[string]string{"url": url})
			return
		}
		fmt.Fprintf(o.env.Stdout, "%s: %s\n", next, url)
	}
}

func (o *options) viewOne(ctx context.Context, ln net.Listener) error {
	held, err := o.held()
	switch {
	case err != nil:
		return err
	case !held:
		return o.noLab()
	}
	l, err := o.describe()
	if err != nil {
		return err
	}
	src, closeLog := o.source(l)
	defer closeLog()
	server := view.New(src.Name, src, o.opening(ln, "for another browser"))
	o.opening(ln, "open in a browser")(server.Open())
	return server.Serve(ctx, ln)
}

// viewAll shows the labs that run, and looks for others now and then.
func (o *options) viewAll(ctx context.Context, ln net.Listener) error {
	server := view.NewList("chatlab on this machine", o.opening(ln, "for another browser"))
	o.opening(ln, "open in a browser")(server.Open())
	var collecting sync.WaitGroup
	defer collecting.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	known := map[string]shownSource{}
	collecting.Go(func() {
		wait.Every(ctx, lookForLabs, func() { server.Show(ctx, o.sources(known), func(run func()) { collecting.Go(run) }) })
	})
	return server.Serve(ctx, ln)
}

// lookForLabs is the time between two searches for labs, which read all of /proc.
const lookForLabs = 5 * view.Every

// shownSource is a lab of the list, and what ends its connection to the event log.
type shownSource struct {
	view.Source
	close func()
}

// sources describes each lab that runs, and lets go of those that do not any more. One that
// cannot be described, as when its inventory is gone, is shown as one that cannot be asked.
func (o *options) sources(known map[string]shownSource) []view.Source {
	var out []view.Source
	gone := maps.Clone(known)
	for _, r := range running() {
		delete(gone, r.State)
		src, old := known[r.State]
		if !old {
			other := &options{target: r.Target, state: r.State, env: o.env}
			src.Source, src.close = other.source(nil)
			src.Name = nameOf(r)
			known[r.State] = src
		}
		out = append(out, src.Source)
	}
	for state, src := range gone {
		src.close()
		delete(known, state)
	}
	return out
}

func nameOf(r lab.Running) string {
	if r.Instance > 0 {
		return fmt.Sprintf("Instance %d of target %s", r.Instance, r.Target)
	}
	return "Lab of target " + r.Target + " in " + r.State
}

// source is what the page asks for the lab that the flags name. It never heals or changes
// the lab, as others commands do first.
func (o *options) source(l *lab.Lab) (src view.Source, closeLog func()) {
	reader := &eventReader{}
	src = view.Source{
		Name: "chatlab, target " + o.target, State: o.stateDir(),
		Open: o.describe, Events: reader.last,
		Drill: func() string { return drill.Running(o.stateDir()) },
	}
	if l != nil && l.Inventory.Instance > 0 {
		src.Name = fmt.Sprintf("chatlab, instance %d", l.Inventory.Instance)
	}
	return src, reader.close
}

// eventReader reads the end of a lab's event log, and keeps its connection.
type eventReader struct {
	mu  sync.Mutex // one asks, another lets go
	of  *lab.Lab
	log *mongodb.Log
}

func (r *eventReader) last(ctx context.Context, l *lab.Lab, n int) ([]view.Event, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of != l {
		r.letGo()
		log, err := lab.OpenLog(l.Target)
		if err != nil {
			return nil, err
		}
		r.of, r.log = l, log
	}
	if err := r.log.Ping(ctx); err != nil {
		return nil, errors.New(errs.Public(err))
	}
	records, err := r.log.Last(ctx, mongodb.Filter{}, n)
	if err != nil {
		return nil, err
	}
	var out []view.Event
	for _, rec := range records {
		out = append(out, view.Event{Time: rec.DateTime, Server: visible(rec.Server), Category: visible(rec.Category), ID: visible(rec.Subject), Data: visible(rec.Data)})
	}
	return out, nil
}

func (r *eventReader) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.letGo()
}

func (r *eventReader) letGo() {
	if r.log != nil {
		_ = r.log.Close()
	}
	r.of, r.log = nil, nil
}
