package check

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"chatlab/src/errs"
)

// DefaultTimeout bounds a check that sets no timeout of its own.
const DefaultTimeout = 10 * time.Second

// workers bounds how many checks run at once. They mostly wait for the network,
// and so few do not disturb what they measure.
const workers = 12

// Check is one thing that must hold of a lab.
type Check struct {
	Name    string        // part.thing[.case], unique
	Text    string        // what must hold, in one line; the expectation when Run gives none
	Node    string        // whose fault a failure is; "" for the lab as a whole
	Needs   []Need        // what the target must have, or else the check is skipped
	Hint    string        // where to look when it fails
	Timeout time.Duration // 0 is DefaultTimeout
	Run     func(ctx context.Context, e *Env) error

	known func(Result) // may be nil: called as soon as the result is known
}

// Need tells why a check cannot run against a target, or "" if it can.
type Need func(*Journey) string

// Outcomes of a check.
const (
	OK   = "ok"
	Fail = "fail"
	Skip = "skip"

	notRun = "not run" // interrupted; no result of its own
)

// Result is the outcome of a check, as `--json` shows it.
type Result struct {
	Name        string  `json:"name"`
	Node        string  `json:"node,omitempty"`
	Result      string  `json:"result"` // ok, fail or skip
	Seconds     float64 `json:"seconds"`
	Description string  `json:"description"`
	Expected    string  `json:"expected,omitempty"` // of a failure, one line
	Seen        string  `json:"seen,omitempty"`     // of a failure, one line
	Hint        string  `json:"hint,omitempty"`     // of a failure: where to look
	Reason      string  `json:"reason,omitempty"`   // of a skip
}

// Report is the outcome of a run.
type Report struct {
	Results []Result `json:"checks"`
	Total   int      `json:"total"`
	OK      int      `json:"ok"`
	Failed  int      `json:"failed"`
	Skipped int      `json:"skipped"`
	NotRun  int      `json:"not_run,omitempty"` // of a run that was interrupted
	Seconds float64  `json:"seconds"`
}

// maxNamed is how many failed checks an error names: each has its line above.
const maxNamed = 8

// Err is nil when no check failed, and otherwise names those that did (code
// failed). A run in which every check was skipped proves nothing and fails too.
func (r Report) Err() error {
	var bad []string
	for _, c := range r.Results {
		if c.Result == Fail {
			bad = append(bad, c.Name)
		}
	}
	switch {
	case len(bad) > maxNamed:
		return errs.E(errs.Failed, "%d of %d checks failed: %s and %d more", len(bad), r.Total, strings.Join(bad[:maxNamed], " "), len(bad)-maxNamed)
	case len(bad) > 0:
		return errs.E(errs.Failed, "%d of %d checks failed: %s", len(bad), r.Total, strings.Join(bad, " "))
	case r.OK == 0:
		return errs.E(errs.Failed, "no check could run")
	}
	return nil
}

// Run runs checks, several at once, and hands each result to done in the order
// of the list as soon as those before it are known. done may be nil. When ctx ends,
// checks that had no result yet have none: they are only counted.
func Run(ctx context.Context, j *Journey, checks []Check, done func(Result)) Report {
	start := time.Now()
	ready := make([]chan Result, len(checks))
	slots := make(chan struct{}, workers)
	var wg sync.WaitGroup
	for i := range checks {
		ready[i] = make(chan Result, 1)
	}
	wg.Add(1)
	go func() {
		defer wg.Done()
		for i, c := range checks {
			slots <- struct{}{}
			wg.Add(1)
			go func() {
				defer wg.Done()
				res := c.result(ctx, j)
				if c.known != nil {
					c.known(res)
				}
				ready[i] <- res
				<-slots
			}()
		}
	}()
	rep := Report{Total: len(checks), Results: make([]Result, 0, len(checks))}
	for i := range checks {
		r := j.await(checks[i], ready[i])
		if r.Result == notRun {
			rep.NotRun++
			continue
		}
		rep.add(r)
		if done != nil {
			done(r)
		}
	}
	wg.Wait()
	rep.Seconds = time.Since(start).Seconds()
	return rep
}

// waitingAfter is how long a person sees nothing before `lab check` names what it waits for.
const waitingAfter = 5 * time.Second

// await returns a check's result, and tells from time to time that it is waited for.
func (j *Journey) await(c Check, ready <-chan Result) Result {
	tick := time.NewTicker(waitingAfter)
	defer tick.Stop()
	for {
		select {
		case r := <-ready:
			return r
		case <-tick.C:
			if j != nil && j.Waiting != nil {
				j.Waiting(c)
			}
		}
	}
}

// FirstFailure runs checks until one fails, calls stop then, which must end the
// journey's context, and returns that one; nil when none failed.
func FirstFailure(ctx context.Context, stop func(), j *Journey, checks []Check) *Result {
	var first atomic.Pointer[Result]
	watched := slices.Clone(checks)
	for i := range watched {
		watched[i].known = func(r Result) {
			if r.Result == Fail && first.CompareAndSwap(nil, &r) {
				stop()
			}
		}
	}
	Run(ctx, j, watched, nil)
	return first.Load()
}

func (r *Report) add(res Result) {
	r.Results = append(r.Results, res)
	switch res.Result {
	case OK:
		r.OK++
	case Skip:
		r.Skipped++
	default:
		r.Failed++
	}
}

// result runs one check. What it measures is the check's own time, waiting for
// a shared step of the journey included.
func (c Check) result(ctx context.Context, j *Journey) Result {
	res := Result{Name: c.Name, Node: c.Node, Description: c.Text}
	if ctx.Err() != nil {
		res.Result = notRun
		return res
	}
	for _, need := range c.Needs {
		if reason := need(j); reason != "" {
			res.Result, res.Reason = Skip, oneLine(reason)
			return res
		}
	}
	timeout := c.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	timeout = j.allow(timeout)
	limit, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	env := &Env{Journey: j}
	start := time.Now()
	err := c.attempt(limit, env)
	res.Seconds = time.Since(start).Seconds()
	if ctx.Err() != nil {
		res.Result = notRun
		return res
	}
	if err != nil && errors.Is(limit.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("nothing within %s: %w", timeout, err)
	}
	c.judge(&res, env, err)
	return res
}

// attempt returns when the check does, or soon after its time is up, even if
// it does not heed its context: one that hangs must not hang the run.
func (c Check) attempt(ctx context.Context, env *Env) error {
	out := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				out <- fmt.Errorf("the check itself crashed: %v at %s", p, crashSite(debug.Stack()))
			}
		}()
		out <- c.Run(ctx, env)
	}()
	select {
	case err := <-out:
		return err
	case <-ctx.Done():
	}
	grace := time.NewTimer(500 * time.Millisecond)
	defer grace.Stop()
	select {
	case err := <-out:
		return err
	case <-grace.C:
		return ctx.Err()
	}
}

func (c Check) judge(res *Result, env *Env, err error) {
	proofs, failure := env.verdict()
	var skip *skipError
	var own *Failure
	switch {
	case failure != nil: // what was stated first tells more than what follows from it
		res.Result, res.Expected, res.Seen = Fail, failure.Expected, failure.Seen
	case errors.As(err, &skip):
		res.Result, res.Reason = Skip, skip.reason
	case errors.As(err, &own):
		res.Result, res.Expected, res.Seen = Fail, own.Expected, own.Seen
	case err != nil:
		res.Result, res.Expected, res.Seen = Fail, c.Text, plainly(err)
	case proofs == 0:
		res.Result, res.Expected, res.Seen = Fail, c.Text, "the check proved nothing"
	default:
		res.Result = OK
		return
	}
	res.Expected, res.Seen, res.Reason = oneLine(res.Expected), oneLine(res.Seen), oneLine(res.Reason)
	if res.Result == Fail {
		res.Hint = oneLine(c.Hint)
		if own != nil && own.Hint != "" {
			res.Hint = oneLine(own.Hint)
		}
	}
}

// crashSite finds the line of a check in a stack: the first of this package
// below the panic.
func crashSite(stack []byte) string {
	_, below, _ := strings.Cut(string(stack), "panic(")
	for line := range strings.Lines(below) {
		line = strings.TrimSpace(line)
		ofRuntime := strings.Contains(line, "/runtime/") || strings.HasPrefix(line, "runtime/") // built with -trimpath
		if strings.Contains(line, ".go:") && !ofRuntime {
			site, _, _ := strings.Cut(line, " +")
			return site[strings.LastIndexByte(site, '/')+1:]
		}
	}
	return "an unknown place"
}
