package incident

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"chatlab/src/errs"
	"chatlab/src/files"
	"chatlab/src/lab"
	"chatlab/src/lab/drill"
	"chatlab/src/wait"
)

// Files by which commands and the process of the users speak to each other.
const (
	usersLock   = "users.lock" // held while the process lives
	usersLog    = "users.log"
	readyName   = "ready" // the users are in the chat
	askName     = "ask"   // the account is wanted
	accountName = "account.json"
)

const (
	feelEvery  = 2 * time.Second
	staleAfter = 5 * feelEvery // a feeling of longer ago says nothing of now
	askEvery   = 200 * time.Millisecond
	signEvery  = 2 * time.Second // a password costs a processor 20 ms on purpose, and each user is signed in again at the end
)

// account is what the process of the users answers.
type account struct {
	Report *drill.Report `json:"report,omitempty"`
	Error  string        `json:"error,omitempty"`
}

// RunUsers lets users chat and sign in and notes how they are served, until ctx ends or
// the account is asked for, which it writes. Codes: unavailable (another process does it
// already), usage (no incident, or the lab serves nobody), failed.
func RunUsers(ctx context.Context, l *lab.Lab, state string, log *slog.Logger) error {
	limit, cancel := context.WithTimeout(ctx, time.Second) // briefly, those that only ask for the holder have the lock
	defer cancel()
	lock, err := wait.Available(limit, askEvery, func() (*files.Lock, error) { return files.TryLock(fileOf(state, usersLock)) })
	if err != nil {
		return err
	}
	defer lock.Unlock()
	rec, err := load(state)
	if err != nil {
		return err
	}
	if !rec.running() {
		return errs.E(errs.Usage, "no incident in %s", state).WithFix("`lab incident start`")
	}
	s, err := rec.scenario()
	if err != nil {
		return err
	}
	opt := drill.Options{Users: s.Users(), Rate: s.Rate(), SignEvery: signEvery}
	crowd, err := wait.Available(ctx, time.Second, func() (*drill.Crowd, error) { return gather(ctx, l, opt, log) })
	if err != nil {
		return err
	}
	defer crowd.Leave()
	log.Info("the users are in the chat", "users", opt.Users, "rate", opt.Rate)
	if err := files.Write(fileOf(state, readyName), []byte(crowd.Began().Format(time.RFC3339Nano)), 0o600); err != nil {
		return errs.E(errs.Failed, "incident: %w", err)
	}
	return attend(ctx, crowd, state, log)
}

// gather lets the users in. Code unavailable while the lab serves nobody: users who begin
// again in the middle of an incident wait until somebody does.
func gather(ctx context.Context, l *lab.Lab, opt drill.Options, log *slog.Logger) (*drill.Crowd, error) {
	crowd, err := drill.Gather(ctx, l, opt)
	if err != nil {
		log.Warn("the users cannot enter", "err", err)
		return nil, errs.Wrap(err, errs.Unavailable, "the lab does not serve the users")
	}
	return crowd, nil
}

// attend notes how the users are served until the account is asked for.
func attend(ctx context.Context, crowd *drill.Crowd, state string, log *slog.Logger) error {
	watching, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var s senses
		wait.Every(watching, feelEvery, func() {
			if err := s.feel(crowd.Waits(watching), time.Now()).append(state); err != nil {
				log.Error("feelings", "err", err)
			}
		})
	}()
	asked := wait.Until(ctx, askEvery, func() bool { return exists(fileOf(state, askName)) })
	var answer account
	if asked {
		report, err := crowd.Account(ctx)
		answer.Report = report
		if err != nil {
			answer.Error = err.Error()
		}
	}
	cancel()
	<-done
	if !asked {
		return nil
	}
	text, err := json.Marshal(answer)
	if err == nil {
		err = files.Write(fileOf(state, accountName), text, 0o600)
	}
	if err != nil {
		return errs.E(errs.Failed, "account: %w", err)
	}
	log.Info("account written", "verdict", answer.Report.Verdict)
	return nil
}
