package incident

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/check"
	"chatlab/src/lab/drill"
	"chatlab/src/lab/incident/scenario"
	"chatlab/src/wait"
)

const (
	waitLimit  = 2 * time.Minute // for the symptoms, and from the solution to checks that pass
	alarmLimit = 6 * time.Minute // Zabbix asks once a minute or so, and acts on several values
	againEvery = time.Second
)

// Rehearsal is the proof of a scenario: it was played with its own solution.
type Rehearsal struct {
	Name     string        `json:"incident"`
	OK       bool          `json:"ok"`
	Why      string        `json:"why,omitempty"` // it is not
	Faults   drill.Seconds `json:"faults"`        // that making them took
	Symptoms drill.Seconds `json:"symptoms"`      // from the faults until all symptoms were seen
	Solution drill.Seconds `json:"solution"`      // that its commands took
	Repaired drill.Seconds `json:"repaired"`      // from them until the checks passed
	Account  drill.Seconds `json:"account"`
	Verdict  string        `json:"verdict,omitempty"` // of the account
}

// Rehearse plays a scenario with its own solution, and proves that its symptoms show, that
// the solution repairs, that nothing is lost and that nothing else is broken. What does
// not hold is in the rehearsal. Codes: usage (it cannot be played here), failed (the lab
// is not healed).
func (r *Room) Rehearse(ctx context.Context, s *scenario.Scenario, text []byte) (*Rehearsal, error) {
	out := &Rehearsal{Name: s.Name}
	began := time.Now()
	if err := r.Start(ctx, s, text, false, 0); err != nil {
		return nil, err
	}
	out.Faults = drill.Seconds(time.Since(began))
	err := r.prove(ctx, s, out)
	if rec, _ := load(r.State); rec.running() {
		if e := r.End(context.WithoutCancel(ctx)); e != nil {
			return out, errors.Join(err, e)
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err == nil { // a service whose settings were put back has just been restarted
		if err = r.repaired(ctx, nil); err != nil {
			err = errs.E(errs.Failed, "something else is broken: %w", err)
		}
	}
	if out.OK = err == nil; err != nil {
		out.Why = err.Error()
	}
	return out, nil
}

func (r *Room) prove(ctx context.Context, s *scenario.Scenario, out *Rehearsal) error {
	began := time.Now()
	if err := r.symptoms(ctx, s.Symptoms); err != nil {
		return err
	}
	out.Symptoms = drill.Seconds(time.Since(began))
	began = time.Now()
	if err := r.solve(ctx, s); err != nil {
		return err
	}
	out.Solution = drill.Seconds(time.Since(began))
	began = time.Now()
	if err := r.repaired(ctx, s.Repaired); err != nil {
		return errs.E(errs.Failed, "after the solution %w", err)
	}
	out.Repaired = drill.Seconds(time.Since(began))
	began = time.Now()
	failing, err := r.Check(ctx)
	if err != nil {
		return err
	}
	if len(failing) > 0 {
		return errs.E(errs.Failed, "the repair does not last: %s", named(failing))
	}
	out.Account = drill.Seconds(time.Since(began))
	rec, err := load(r.State)
	if err != nil || rec.Account == nil {
		return errors.Join(err, errs.E(errs.Failed, "the simulated users ended before their account"))
	}
	if out.Verdict = rec.Account.Verdict; !rec.Account.OK {
		return errs.E(errs.Failed, "the account is not clean: %s", strings.TrimSpace(accountText(rec.Account)))
	}
	return nil
}

func accountText(r *drill.Report) string {
	var out bytes.Buffer
	r.Print(&out, nil)
	return out.String()
}

// patience is how long a symptom and a repair may take.
func (r *Room) patience() time.Duration {
	return lab.Allow(r.Lab.Target, cmp.Or(r.Wait, waitLimit))
}

// symptoms waits until everything was seen that a scenario says will be: each check
// fails, and users feel what they shall feel.
func (r *Room) symptoms(ctx context.Context, s scenario.Symptoms) error {
	limit, cancel := context.WithTimeout(ctx, r.patience())
	defer cancel()
	lacks := ""
	shown := wait.Until(limit, againEvery, func() bool {
		now := r.unseen(limit, s)
		if limit.Err() == nil || lacks == "" { // an attempt that was cut short says less than the one before
			lacks = now
		}
		return now == ""
	})
	if !shown {
		return errs.E(errs.Failed, "the symptom does not show within %s: %s", r.patience(), lacks)
	}
	if r.Alarms == nil || len(s.Alarms) == 0 {
		return nil
	}
	r.Say("waiting for Zabbix to raise %s", strings.Join(s.Alarms, ", "))
	alarms, end := context.WithTimeout(ctx, lab.Allow(r.Lab.Target, alarmLimit))
	defer end()
	if !wait.Until(alarms, againEvery, func() bool { lacks = r.unraised(alarms, s.Alarms); return lacks == "" }) {
		return errs.E(errs.Failed, "Zabbix does not raise %s", lacks)
	}
	return nil
}

// unseen returns a symptom that does not show now, or "".
func (r *Room) unseen(ctx context.Context, s scenario.Symptoms) string {
	all := feelings(r.State)
	for _, name := range s.Users {
		if len(all) == 0 || all[len(all)-1].of(name) == OK {
			return "users feel nothing of " + name
		}
	}
	for _, glob := range s.Checks {
		failing, err := r.failing(ctx, []string{glob})
		if err != nil {
			return glob + ": " + err.Error()
		}
		if len(failing) == 0 {
			return "check " + glob + " passes"
		}
	}
	return ""
}

func (r *Room) unraised(ctx context.Context, want []string) string {
	names, err := r.Alarms(ctx)
	if err != nil {
		return err.Error()
	}
	for _, part := range want {
		if !slices.ContainsFunc(names, func(name string) bool { return strings.Contains(name, part) }) {
			return part
		}
	}
	return ""
}

// solve runs the commands of the solution.
func (r *Room) solve(ctx context.Context, s *scenario.Scenario) error {
	for _, line := range s.StepsOn(r.Lab.Target.Name()) {
		r.Say("$ %s", line)
		cmd := exec.CommandContext(ctx, "sh", "-c", line)
		cmd.Env = r.Environ
		if text, err := cmd.CombinedOutput(); err != nil {
			return errs.E(errs.Failed, "the solution fails: %s: %v: %s", line, err, bytes.TrimSpace(text))
		}
	}
	return nil
}

// repaired waits until the checks pass.
func (r *Room) repaired(ctx context.Context, globs []string) error {
	limit, cancel := context.WithTimeout(ctx, r.patience())
	defer cancel()
	var why string
	passed := wait.Until(limit, againEvery, func() bool {
		failing, err := r.failing(limit, globs)
		switch {
		case limit.Err() != nil: // its last word is not worth more than the one before
		case err != nil:
			why = err.Error()
		default:
			why = named(failing)
		}
		return err == nil && len(failing) == 0
	})
	if !passed {
		return errs.E(errs.Failed, "the lab is not repaired: %s", why)
	}
	return nil
}

func named(failing []check.Result) string {
	var out []string
	for _, f := range failing {
		out = append(out, fmt.Sprintf("%s (expected %s, seen %s)", f.Name, f.Expected, f.Seen))
	}
	return strings.Join(out[:min(3, len(out))], "; ")
}
