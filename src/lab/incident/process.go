package incident

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"chatlab/src/errs"
	"chatlab/src/files"
	"chatlab/src/lab"
	"chatlab/src/lab/drill"
	"chatlab/src/wait"
)

const (
	enterLimit   = 30 * time.Second // for the users to be in the chat
	accountLimit = 8 * time.Minute  // it reads all that the lab stores
	endLimit     = 5 * time.Second
	pollEvery    = 50 * time.Millisecond
)

// startUsers starts the process of the users, which outlives this one.
func (r *Room) startUsers() error {
	for _, name := range []string{readyName, askName, accountName} {
		_ = os.Remove(r.path(name))
	}
	out, err := os.OpenFile(r.path(usersLog), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return errs.E(errs.Usage, "incident: %w", err)
	}
	defer func() { _ = out.Close() }()
	cmd := exec.Command(r.Users[0], r.Users[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // ^C in this terminal is not meant for it
	if err := cmd.Start(); err != nil {
		return errs.E(errs.Failed, "simulated users: %w", err)
	}
	go func() { _ = cmd.Wait() }() // rehearsals last longer than their users
	return nil
}

// awaitUsers returns when the users are in the chat. Code failed.
func (r *Room) awaitUsers(ctx context.Context) error {
	limit, cancel := context.WithTimeout(ctx, lab.Allow(r.Lab.Target, enterLimit))
	defer cancel()
	in := wait.Until(limit, pollEvery, func() bool { return exists(r.path(readyName)) })
	if in || ctx.Err() != nil {
		return ctx.Err()
	}
	return errs.E(errs.Failed, "the simulated users are not in the chat: %s", lastLine(r.path(usersLog))).WithFix("look into %s", r.path(usersLog))
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func lastLine(file string) string {
	text, _ := os.ReadFile(file)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

// usersLive reports whether the process of the users lives.
func usersLive(state string) (pid int, live bool) { return files.Holder(fileOf(state, usersLock)) }

// EndUsers ends the process of the users, by SIGKILL if it must be. Code failed.
func EndUsers(ctx context.Context, state string) error {
	for _, end := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		pid, live := usersLive(state)
		if !live {
			return nil
		}
		if pid > 0 {
			_ = syscall.Kill(pid, end)
		}
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), endLimit)
		wait.Until(limit, pollEvery, func() bool { _, live = usersLive(state); return !live })
		cancel()
		if !live {
			return nil
		}
	}
	return errs.E(errs.Failed, "the process of the simulated users does not end")
}

// account asks the users' process for the account and waits for it. It ends that
// process. Code failed.
func (r *Room) account(ctx context.Context) (*drill.Report, error) {
	if err := files.Write(r.path(askName), nil, 0o600); err != nil {
		return nil, errs.E(errs.Failed, "account: %w", err)
	}
	limit, cancel := context.WithTimeout(ctx, lab.Allow(r.Lab.Target, accountLimit))
	defer cancel()
	var text []byte
	live := true
	wait.Until(limit, pollEvery, func() bool {
		_, live = usersLive(r.State)
		var err error
		text, err = os.ReadFile(r.path(accountName))
		return err == nil || !live
	})
	var answer account
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case len(text) == 0:
		return nil, errs.E(errs.Failed, "the simulated users give no account: %s", lastLine(r.path(usersLog))).WithFix("look into %s", r.path(usersLog))
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, errs.E(errs.Failed, "account: %w", err)
	}
	if answer.Error != "" {
		return answer.Report, errs.E(errs.Failed, "account: %s", answer.Error)
	}
	return answer.Report, nil
}
