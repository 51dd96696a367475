package main

import (
	"context"
	"os/exec"
	"strings"
	"time"

	"chatlab/src/errs"
)

// release is the version that packages carry, and the time of their files.
type release struct {
	version string
	time    time.Time
}

// findRelease asks git. A tag vX.Y.Z on the commit is the version. Any other
// commit is 0.0.COUNT+gHASH, and an edited tree has the time behind it, so that
// each build is newer than the last and a package manager takes it.
func findRelease(ctx context.Context) (release, error) {
	stamp, err := git(ctx, "log", "-1", "--format=%cI")
	if err != nil {
		return release{}, err
	}
	at, err := time.Parse(time.RFC3339, stamp)
	if err != nil {
		return release{}, errs.E(errs.Failed, "version: %w", err)
	}
	edited, err := git(ctx, "status", "--porcelain", "--untracked-files=no")
	if err != nil {
		return release{}, err
	}
	if tag, err := git(ctx, "describe", "--tags", "--exact-match", "--match", "v[0-9]*"); err == nil && edited == "" {
		return release{strings.TrimPrefix(tag, "v"), at}, nil
	}
	count, err := git(ctx, "rev-list", "--count", "HEAD")
	if err != nil {
		return release{}, err
	}
	hash, err := git(ctx, "rev-parse", "--short=8", "HEAD")
	if err != nil {
		return release{}, err
	}
	version := "0.0." + count + "+g" + hash
	if edited != "" {
		at = time.Now()
		version += "." + at.UTC().Format("20060102150405")
	}
	return release{version, at}, nil
}

func git(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", args...).Output()
	if err != nil {
		return "", errs.E(errs.Usage, "version: git %s: %w", args[0], err).WithFix("build in a git checkout")
	}
	return strings.TrimSpace(string(out)), nil
}
