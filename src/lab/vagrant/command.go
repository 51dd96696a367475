package vagrant

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/local"
)

// tailLines is how much of Vagrant's output a failure shows.
const tailLines = 15

func (t *Target) log() string { return filepath.Join(t.cfg.State, "vagrant.log") }

// vagrant runs one command of Vagrant's in the project's folder, its output in
// the log. Codes: usage (Vagrant is not here, or refuses), failed.
func (t *Target) vagrant(ctx context.Context, p lab.Progress, step string, args ...string) error {
	done := p.Step(step)
	err := t.call(ctx, args...)
	done(err)
	if err == nil {
		return nil
	}
	return &local.StartError{Step: step, Log: t.log(), Tail: tail(t.log()), Err: err}
}

func (t *Target) call(ctx context.Context, args ...string) error {
	if err := os.MkdirAll(t.cfg.State, 0o700); err != nil {
		return errs.E(errs.Usage, "state folder: %w", err)
	}
	log, err := os.OpenFile(t.log(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return errs.E(errs.Usage, "state folder: %w", err)
	}
	defer func() { _ = log.Close() }()
	cmd := t.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = log, log
	err = cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, exec.ErrNotFound):
		return errs.E(errs.Usage, "vagrant is not installed").WithFix("apt-get install --no-install-recommends vagrant vagrant-libvirt, or https://developer.hashicorp.com/vagrant/install")
	}
	return t.explain(err, args)
}

// command makes a call of Vagrant that knows which lab it is for. A call that
// is broken off gets the time to break off what it has begun.
func (t *Target) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "vagrant", append([]string{"--no-tty"}, args...)...)
	cmd.Dir = t.cfg.Project
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	// The doctor has looked, and the checks come later.
	cmd.Env = append(os.Environ(), "CHATLAB_STATE="+t.cfg.State, "CHATLAB_DOCTOR=done", "CHATLAB_CHECK=later", "VAGRANT_CHECKPOINT_DISABLE=1")
	if t.cfg.Inventory != nil {
		cmd.Env = append(cmd.Env, "CHATLAB_INVENTORY="+t.inventoryPath())
	}
	return cmd
}

// explain takes the project's own error out of Vagrant's output, or its last line.
func (t *Target) explain(err error, args []string) error {
	what := strings.Join(args[:1], " ")
	lines := tail(t.log())
	for i, line := range lines {
		_, text, ours := strings.Cut(line, "chatlab: error: ")
		if !ours {
			continue
		}
		out := errs.E(errs.Failed, "%s", text)
		if i+1 < len(lines) {
			if _, fix, ok := strings.Cut(lines[i+1], "chatlab: hint: "); ok {
				out = out.WithFix("%s", fix)
			}
		}
		return out
	}
	if len(lines) == 0 {
		return errs.E(errs.Failed, "vagrant %s: %w", what, err)
	}
	return errs.E(errs.Failed, "vagrant %s: %s (%w)", what, lines[len(lines)-1], err)
}

// control are the escapes with which Vagrant rewrites its progress.
var control = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")

// tail returns the last lines of a log, without progress and empty ones.
func tail(path string) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	var out []string
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		text := control.ReplaceAllString(lines.Text(), "")
		text = strings.TrimSpace(text[strings.LastIndexByte(text, '\r')+1:])
		if text != "" && !strings.HasPrefix(text, "Progress: ") {
			out = append(out, text)
		}
		if len(out) > tailLines {
			out = out[1:]
		}
	}
	return out
}
