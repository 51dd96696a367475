package laptop

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"chatlab/src/errs"
)

// commandLimit is how long a program of the host may take to answer: Vagrant
// needs half of it on a host with other work to do.
const commandLimit = time.Minute

// installed tells whether PATH has a program.
func installed(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}

// output runs a program of the host and returns what it printed. An error has
// the last line of what it complained. Code failed.
func output(ctx context.Context, argv ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.WaitDelay = time.Second // it may have left children that hold its output
	cmd.Dir = "/"               // no Vagrantfile, no ansible.cfg
	cmd.Env = append(os.Environ(), "LC_ALL="+locale(), "VAGRANT_CWD=/", "VAGRANT_CHECKPOINT_DISABLE=1")
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	err := cmd.Run()
	switch {
	case err == nil:
		return out.String(), nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "", errs.E(errs.Failed, "`%s` does not answer within %s", strings.Join(argv, " "), commandLimit)
	case ctx.Err() != nil:
		return "", ctx.Err()
	}
	if said := lastLine(diag.String()); said != "" {
		return out.String(), errs.E(errs.Failed, "`%s`: %s", strings.Join(argv, " "), said)
	}
	return out.String(), errs.E(errs.Failed, "`%s`: %w", strings.Join(argv, " "), err)
}

// locale is English in UTF-8, without which Ansible does not run.
func locale() string {
	if runtime.GOOS == "darwin" {
		return "en_US.UTF-8" // not every macOS has C.UTF-8
	}
	return "C.UTF-8"
}

// lastLine returns the last line of a text that is not empty.
func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
}
