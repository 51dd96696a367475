// Packaging builds the .deb and .rpm packages of chatlab: `make packages`. It
// describes them (packages.go, units/, scripts/) and writes their default
// configuration from the programs' own --help; nfpm, run as a program of a
// pinned version, makes the archives, so that nothing of it is in go.mod.
package main

import (
	"context"
	"embed"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"chatlab/src/app"
	"chatlab/src/errs"
)

//go:embed units hardening scripts
var files embed.FS

func main() { os.Exit(app.Main("packaging", run)) }

func run(ctx context.Context, env *app.Env) error {
	flags := flag.NewFlagSet(env.Name, flag.ContinueOnError)
	flags.SetOutput(env.Stderr)
	bin := flags.String("bin", "bin", "`folder` of the programs")
	out := flags.String("out", "dist", "`folder` that the packages go to; older ones there are removed")
	formats := flags.String("formats", "deb,rpm", "which to make")
	release := flags.Bool("release", false, "make everything that a release has, for each of its architectures; the programs are built anew")
	version := flags.String("version", "", "`version` of the packages, instead of the one that git gives")
	if err := flags.Parse(env.Args); err != nil || flags.NArg() > 0 {
		return errs.E(errs.Usage, "arguments cannot be used").WithFix("make packages")
	}
	rel, err := findRelease(ctx)
	if err != nil {
		return err
	}
	if *version != "" {
		rel.version = *version
	}
	if *release {
		return publish(ctx, *out, rel, env.Stdout)
	}
	built, err := build(ctx, &builder{bin: *bin, help: *bin, arch: hostArch, out: *out, project: ".", release: rel}, packages(), strings.Split(*formats, ","))
	if err != nil {
		return err
	}
	for _, path := range built {
		fmt.Fprintln(env.Stdout, path)
	}
	return nil
}

// build makes packages in an emptied folder, and returns their paths.
func build(ctx context.Context, b *builder, list []pkg, formats []string) ([]string, error) {
	var err error
	if b.tool, err = nfpm(ctx); err != nil {
		return nil, err
	}
	if err := clear(b.out); err != nil {
		return nil, err
	}
	if b.work, err = os.MkdirTemp("", "chatlab-packaging-"); err != nil {
		return nil, errs.E(errs.Failed, "packages: %w", err)
	}
	defer os.RemoveAll(b.work)
	built, err := b.all(ctx, list, formats)
	if err != nil {
		return nil, err
	}
	if err := program(b.bin, b.out); err != nil {
		return nil, err
	}
	return built, bundles(b.project, b.out, b.release, formats)
}

// program puts lab beside the packages: a playbook that runs inside a machine of the lab
// takes it along.
func program(bin, out string) error {
	text, err := os.ReadFile(filepath.Join(bin, "lab"))
	if err == nil {
		err = os.WriteFile(filepath.Join(out, "lab"), text, 0o755)
	}
	if err != nil {
		return errs.E(errs.Failed, "packages: %w", err).WithFix("make packages")
	}
	return nil
}

// clear removes the packages of an earlier build: a playbook takes what is in
// the folder.
func clear(out string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return errs.E(errs.Usage, "packages: %w", err)
	}
	for _, pattern := range []string{"chatlab-*.deb", "chatlab-*.rpm", "chatlab-*.tar", "lab"} {
		old, _ := filepath.Glob(filepath.Join(out, pattern))
		for _, path := range old {
			if err := os.Remove(path); err != nil {
				return errs.E(errs.Usage, "packages: %w", err)
			}
		}
	}
	return nil
}
