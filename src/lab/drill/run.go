package drill

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/mark"
)

// settleLimit bounds the waiting for the log database after the last heal.
const settleLimit = 3 * time.Minute

// run is one drill under way.
type run struct {
	caller  context.Context // ends when who asked for the drill interrupts it
	lab     *lab.Lab
	opt     Options
	id      string // in every name and line of this run
	journal *journal
	ledger  *ledger
	crew    *crew
	probe   *probe
	vigil   *vigil // nil: nobody watches
	ops     *http.Client
	roots   *x509.CertPool // of the public listeners with TLS; nil: there are none
	report  *Report
	expect  []func(context.Context) error // what must hold after the heal

	pinned   bool // some users know one server only
	planned  bool // services are stopped in good order
	unserved bool // nobody can be served for a while, so that a gap is no fault
	patient  bool // users wait for receipts before they go on, and enter again when they are thrown out
}

func (r *run) say(format string, args ...any) {
	if r.opt.Progress != nil {
		r.opt.Progress(fmt.Sprintf(format, args...))
	}
}

// Run does one drill on a lab that is up and heals it, also when ctx ends
// before. The report is never nil when the drill began. Fails with code usage
// when it could not begin, and with failed when it could not heal or measure;
// a report that is not OK is no error.
func Run(ctx context.Context, l *lab.Lab, d Drill, opt Options) (*Report, error) {
	j, err := openJournal(opt.State, d.Name)
	if err != nil {
		return nil, err
	}
	defer j.close()
	r, err := newRun(ctx, l, d.Name, opt)
	if err != nil {
		return nil, err
	}
	r.journal, r.pinned, r.planned = j, d.pins, d.plan
	if opt.Alarms != nil {
		if err := calm(ctx, opt.Alarms, usual, r.say); err != nil {
			return nil, err
		}
	}
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	defer r.crew.leave()
	if !d.stops {
		stop := context.AfterFunc(ctx, func() { r.say("interrupted, healing") })
		defer stop()
	}
	r.mark("drill %s begins", d.Name)
	marked := r.markDashboards(ctx, d)
	err = r.perform(ctx, d)
	r.report.finish(err)
	marked()
	r.mark("drill %s ends: %s", d.Name, r.report.Verdict)
	return r.report, err
}

// newRun makes a run of users with names and lines of their own. Fails with code usage.
func newRun(ctx context.Context, l *lab.Lab, name string, opt Options) (*run, error) {
	roots, err := l.Roots()
	return &run{
		caller: ctx, lab: l, opt: opt, ops: opsClient(l), ledger: newLedger(), roots: roots,
		id: "d" + strconv.FormatInt(time.Now().UnixMilli(), 36), report: newReport(name, opt),
	}, err
}

// mark leaves a mark for those who watch the lab: a drill goes on without it.
func (r *run) mark(format string, args ...any) {
	if r.opt.State != "" {
		_ = mark.Add(r.opt.State, fmt.Sprintf(format, args...))
	}
}

// prepare signs the users up and lets them in.
func (r *run) prepare(ctx context.Context) error {
	r.say("%d users sign up and join", r.opt.Users)
	var err error
	if r.crew, err = gather(ctx, r); err != nil {
		return errs.Wrap(err, errs.Usage, "the lab does not serve the drill's users").WithFix("lab check")
	}
	if r.probe, err = newProbe(ctx, r); err != nil {
		r.crew.leave()
		return errs.Wrap(err, errs.Usage, "the lab is not well before the drill").WithFix("lab check")
	}
	return nil
}

func (r *run) perform(ctx context.Context, d Drill) error {
	memory := watchMemory(r.lab, r.ops, r.report)
	defer memory.stop()
	defer r.sample()()
	alarmed := r.watchAlarms(ctx, d)
	load := r.crew.work(ctx)
	faults, cancel := context.WithTimeout(ctx, r.opt.For)
	err := d.act(faults, r)
	over := faults.Err() // the drill's time is over, or it was interrupted
	cancel()
	if over != nil && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
		err = nil
	}
	load.stop() // also when the drill could not go on: its account still counts
	after := context.WithoutCancel(ctx)
	err = errors.Join(err, r.settle(after))
	alarmed(ctx)
	if r.report.Interrupted = ctx.Err() != nil && !d.stops; r.report.Interrupted {
		return err
	}
	return errors.Join(err, r.check(after))
}

// watchAlarms watches the alarms from now on; what it returns waits for their
// end, unless the drill is interrupted.
func (r *run) watchAlarms(ctx context.Context, d Drill) (end func(context.Context)) {
	if r.opt.Alarms == nil {
		return func(context.Context) {}
	}
	var want expected
	if d.alarms != nil {
		want = d.alarms(r.lab)
	}
	want.allowed = append(want.allowed, restarts(r.lab)...)
	v := newVigil(r.opt.Alarms, want, usual)
	r.vigil = v
	keeping, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var kept sync.WaitGroup
	kept.Go(func() { v.keep(keeping) })
	return func(ctx context.Context) {
		defer kept.Wait()
		defer cancel()
		r.say("waiting for Zabbix to find the lab well")
		v.end(ctx, r.report)
	}
}

func (r *run) check(ctx context.Context) error {
	for _, holds := range r.expect {
		if err := holds(ctx); err != nil {
			r.report.Broken = append(r.report.Broken, err.Error())
		}
	}
	return nil
}

// settle waits until every sender has its answers, and accounts for every line,
// event and user at every place that keeps them.
func (r *run) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	began := time.Now()
	r.say("waiting for the last receipts")
	r.crew.drain(ctx)
	var broken []string
	r.report.Gaps, broken = r.crew.gaps(r.lab)
	if !r.unserved {
		r.report.Broken = append(r.report.Broken, broken...)
	}
	counting := time.Now()
	r.say("reading the chat log at every server, from its beginning, and the log database back")
	var events errgroup.Group
	events.Go(func() error { return r.readBack(ctx, began) })
	r.report.ChatLogs = r.readChatLogs(ctx)
	r.report.Readers = r.crew.views(ctx, longestLog(r.report.ChatLogs))
	err := events.Wait()
	r.say("signing every user in again")
	r.report.Users = r.signInAgain(ctx, r.crew.auth)
	r.report.Totals = r.ledger.totals()
	r.report.Counted = Seconds(time.Since(counting))
	return err
}
