package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"chatlab/src/errs"
)

// indexName is apt's index of a folder of packages.
const indexName = "Packages"

// writeIndex makes a folder a repository that apt can read, so that a playbook
// installs chatlab's packages and the distribution's in one transaction.
func writeIndex(ctx context.Context, dir string) error {
	debs, err := filepath.Glob(filepath.Join(dir, "chatlab-*.deb"))
	if err != nil {
		return errs.E(errs.Failed, "index: %w", err)
	}
	var index bytes.Buffer
	for _, path := range debs {
		control, err := exec.CommandContext(ctx, "dpkg-deb", "-f", path).Output()
		if err != nil {
			return errs.E(errs.Usage, "index: dpkg-deb -f %s: %w", path, err).WithFix("install dpkg, or build with -formats rpm")
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return errs.E(errs.Failed, "index: %w", err)
		}
		index.Write(bytes.TrimSpace(control))
		fmt.Fprintf(&index, "\nFilename: ./%s\nSize: %d\nSHA256: %x\n\n", filepath.Base(path), len(text), sha256.Sum256(text))
	}
	if err := os.WriteFile(filepath.Join(dir, indexName), index.Bytes(), 0o644); err != nil {
		return errs.E(errs.Failed, "index: %w", err)
	}
	return nil
}
