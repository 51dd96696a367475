package drill

import (
	"context"
	"sync"
	"time"

	"chatlab/src/lab/inventory"
	"chatlab/src/wait"
)

// Timeline is the course of a drill, in seconds from its begin.
type Timeline struct {
	Faults  []Span   `json:"faults"`
	Samples []Sample `json:"samples"`
}

// Span is one fault.
type Span struct {
	Name   string  `json:"fault"`
	From   Seconds `json:"from"`
	Healed Seconds `json:"healed,omitempty"` // 0: it was not
	Served Seconds `json:"served,omitempty"` // 0: no user was served again
}

// Sample is the state of the load at one moment.
type Sample struct {
	At      Seconds `json:"at"`
	Chat    int     `json:"chat"`    // users whom no chat server serves
	SignIn  int     `json:"sign_in"` // users who wait for a sign-in
	Backlog int64   `json:"backlog"` // bytes at the loggers that no log server has stored
}

// sampleEvery is the time between two samples.
const sampleEvery = 500 * time.Millisecond

// since is the time from the drill's begin.
func (r *Report) since() Seconds { return Seconds(time.Since(r.began)) }

// begins notes a fault, and returns it to be completed.
func (r *Report) begins(name string) *Span {
	r.Timeline.Faults = append(r.Timeline.Faults, Span{Name: name, From: r.since()})
	return &r.Timeline.Faults[len(r.Timeline.Faults)-1]
}

// sample takes samples until the returned function is called.
func (r *run) sample() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		wait.Every(ctx, sampleEvery, func() {
			r.report.Timeline.Samples = append(r.report.Timeline.Samples, Sample{
				At: r.report.since(), Chat: r.crew.waiting(), SignIn: r.crew.signersWaiting(), Backlog: r.backlog(ctx),
			})
		})
	})
	return func() {
		cancel()
		done.Wait()
	}
}

// backlog sums the bytes that wait at the loggers that answer.
func (r *run) backlog(ctx context.Context) (bytes int64) {
	bytes, _ = r.backlogs(ctx)
	return bytes
}

// backlogs is backlog, and tells whether a logger does not answer.
func (r *run) backlogs(ctx context.Context) (bytes int64, silent bool) {
	for service, ops := range map[string]string{inventory.Authd: "authd_logger", inventory.Chatd: "chatd_logger"} {
		for _, n := range r.lab.Inventory.Members(service) {
			v, ok := metric(ctx, r.ops, r.lab.Inventory.OpsAddress(ops, n), "chatlab_logger_backlog_bytes")
			bytes += int64(v)
			silent = silent || !ok
		}
	}
	return bytes, silent
}
