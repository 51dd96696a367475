package nspawn

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"

	"chatlab/src/errs"
)

// output runs a program of this machine and returns what it printed. An error
// has the last line of what it complained. Code failed.
func output(ctx context.Context, argv ...string) (string, error) {
	return feed(ctx, "", argv...)
}

// feed is output with a text on the program's standard input.
func feed(ctx context.Context, text string, argv ...string) (string, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin = strings.NewReader(text)
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive")
	err := cmd.Run()
	if err == nil {
		return out.String(), nil
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if errors.Is(err, exec.ErrNotFound) {
		return "", errs.E(errs.Usage, "%s is not installed", argv[0]).WithFix("`lab doctor --target nspawn` names what is missing")
	}
	complaint := strings.TrimSpace(diag.String())
	if complaint == "" {
		complaint = strings.TrimSpace(out.String())
	}
	lines := strings.Split(complaint, "\n")
	return out.String(), errs.E(errs.Failed, "%s: %s (%w)", strings.Join(argv[:min(2, len(argv))], " "), lines[len(lines)-1], err)
}
