package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"chatlab/src/errs"
)

// hostArch is the architecture of the packages that playbooks install.
const hostArch = "amd64"

// architectures are those of a release.
var architectures = []string{hostArch, "arm64"}

// programs lists all programs of the packages.
func programs() []string {
	var out []string
	for _, p := range packages() {
		out = append(out, p.programs...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// publish makes a release in an emptied folder: packages, an archive for each
// architecture, the list of modules (SPDX) and SHA256SUMS. A second time gives the same
// bytes: all times are the commit's, and nothing names the machine or the folder.
func publish(ctx context.Context, out string, rel release, say io.Writer) error {
	if err := os.RemoveAll(out); err != nil {
		return errs.E(errs.Usage, "release: %w", err)
	}
	work, err := os.MkdirTemp("", "chatlab-release-")
	if err != nil {
		return errs.E(errs.Failed, "release: %w", err)
	}
	defer os.RemoveAll(work)
	for _, arch := range architectures {
		if err := compile(ctx, filepath.Join(work, arch), arch, rel); err != nil {
			return err
		}
	}
	modules, err := modulesOf(ctx, filepath.Join(work, hostArch))
	if err != nil {
		return err
	}
	for _, arch := range architectures {
		fmt.Fprintln(say, "packages and archive for", arch)
		if err := publishOne(ctx, work, out, arch, rel, modules); err != nil {
			return err
		}
	}
	if err := writeSBOM(filepath.Join(out, "chatlab-"+rel.version+".spdx.json"), rel, modules); err != nil {
		return err
	}
	return sums(out)
}

// compile builds the programs of one architecture.
func compile(ctx context.Context, dir, arch string, rel release) error {
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid= -X chatlab/src/app.version=" + rel.version, "-o", dir + "/"}
	for _, name := range programs() {
		args = append(args, "./src/cmd/"+name)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		return errs.E(errs.Failed, "go build for %s: %w: %s", arch, err, lastLine(text))
	}
	return nil
}

// publishOne makes the packages and the archive of one architecture.
func publishOne(ctx context.Context, work, out, arch string, rel release, modules []module) error {
	dir := filepath.Join(work, "packages-"+arch)
	b := &builder{bin: filepath.Join(work, arch), help: filepath.Join(work, hostArch), arch: arch, out: dir, project: ".", release: rel}
	built, err := build(ctx, b, packages(), []string{"deb", "rpm"})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return errs.E(errs.Usage, "release: %w", err)
	}
	for _, path := range built {
		if err := os.Rename(path, filepath.Join(out, filepath.Base(path))); err != nil {
			return errs.E(errs.Failed, "release: %w", err).WithFix("give --out a folder of the same disk as TMPDIR")
		}
	}
	name := "chatlab-" + rel.version
	return archive(ctx, filepath.Join(out, name+"-linux-"+arch+".tar.gz"), name, b.bin, rel, modules)
}

// sums writes SHA256SUMS of all files of a folder, in the form of sha256sum(1).
func sums(dir string) error {
	all, err := os.ReadDir(dir)
	if err != nil {
		return errs.E(errs.Failed, "release: %w", err)
	}
	var text strings.Builder
	for _, e := range all {
		sum, err := sumOf(filepath.Join(dir, e.Name()))
		if err != nil {
			return errs.E(errs.Failed, "release: %w", err)
		}
		fmt.Fprintf(&text, "%s  %s\n", sum, e.Name())
	}
	if err := os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(text.String()), 0o644); err != nil {
		return errs.E(errs.Failed, "release: %w", err)
	}
	return nil
}

func sumOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, bufio.NewReader(f)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
