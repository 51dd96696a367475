package incident

import (
	"context"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab/check"
	"chatlab/src/lab/incident/scenario"
)

// Check proves the repair: by the checks of the scenario, then by the account of all that
// the users said and did. It returns the checks that fail. With none, the incident is
// over. Codes: usage (no incident), failed (no account).
func (r *Room) Check(ctx context.Context) (failing []check.Result, err error) {
	rec, s, release, err := r.play()
	if err != nil {
		return nil, err
	}
	defer release()
	if !rec.running() {
		return nil, over()
	}
	if failing, err = r.failing(ctx, s.Repaired); err != nil {
		return nil, err
	}
	if len(failing) > 0 {
		rec.Checks = append(rec.Checks, step{At: time.Now(), Text: failing[0].Name})
		return failing, rec.save(r.State)
	}
	solved := time.Now()
	if err := r.settle(ctx, rec); err != nil {
		return nil, err
	}
	rec.Solved = solved
	return nil, r.finish(ctx, rec)
}

// settle gets the users' account, where they are alive to give it.
func (r *Room) settle(ctx context.Context, rec *record) error {
	if _, live := usersLive(r.State); !live && !exists(r.path(accountName)) { // a check that was interrupted leaves it
		rec.Restarted = append(rec.Restarted, time.Now()) // nobody knows what was lost before
		r.Say("the simulated users have ended: nobody can say whether a line was lost")
		return nil
	}
	r.Say("the checks pass; reading back all that the users said and did")
	report, err := r.account(ctx)
	rec.Account = report
	return err
}

// failing returns the checks that fail.
func (r *Room) failing(ctx context.Context, globs []string) (bad []check.Result, err error) {
	results, err := r.Prove(ctx, globs)
	if err != nil {
		return nil, err
	}
	proved := false
	for _, res := range results {
		proved = proved || res.Result == check.OK
		if res.Result == check.Fail {
			bad = append(bad, res)
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if !proved && len(bad) == 0 {
		return nil, errs.E(errs.Failed, "no check could run").WithFix("`lab status`")
	}
	return bad, nil
}

// Reveal returns the scenario, whose cause may be known now, and heals the lab. Codes:
// usage, failed.
func (r *Room) Reveal(ctx context.Context) (*scenario.Scenario, error) {
	return r.giveUp(ctx, func(rec *record) { rec.Reveal = time.Now() })
}

// End heals the lab without a word about the cause. Codes: usage, failed.
func (r *Room) End(ctx context.Context) error {
	_, err := r.giveUp(ctx, func(*record) {})
	return err
}

func (r *Room) giveUp(ctx context.Context, note func(*record)) (*scenario.Scenario, error) {
	rec, s, release, err := r.play()
	if err != nil {
		return nil, err
	}
	defer release()
	note(rec)
	if !rec.running() {
		return s, rec.save(r.State) // it can be read again, after the end too
	}
	if err := rec.save(r.State); err != nil {
		return nil, err
	}
	return s, r.finish(ctx, rec)
}
