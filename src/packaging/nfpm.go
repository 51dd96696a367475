package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
	"golang.org/x/sync/errgroup"

	"chatlab/src/errs"
)

// nfpmVersion is the newest all of whose modules the public Go proxy hands out.
const nfpmVersion = "v2.45.2"

// flavour is a kind of archive. An rpm says in its release for which system it
// is: el7 has no drop-in for a newer systemd.
type flavour struct {
	kind, release string
	hardened      bool
}

var flavours = []flavour{{"deb", "1", true}, {"rpm", "1.el7", false}, {"rpm", "1.el9", true}}

// nfpm returns the path of the program, built once for each version.
func nfpm(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", errs.E(errs.Usage, "nfpm: %w", err).WithFix("set HOME or XDG_CACHE_HOME")
	}
	dir := filepath.Join(cache, "chatlab", "nfpm-"+nfpmVersion)
	path := filepath.Join(dir, "nfpm")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	cmd := exec.CommandContext(ctx, "go", "install", "github.com/goreleaser/nfpm/v2/cmd/nfpm@"+nfpmVersion)
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errs.E(errs.Failed, "nfpm %s: %w: %s", nfpmVersion, err, lastLine(out)).WithFix("the Go module proxy must be reachable")
	}
	return path, nil
}

func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

// builder makes archives of one release.
type builder struct {
	tool, bin, out, work string
	help                 string // folder of programs that run here, for their --help
	arch                 string // as Go calls it
	project              string // whose profiles it packs for
	release              release
}

// all makes them, as many at a time as there are processors: compressing is
// what takes long.
func (b *builder) all(ctx context.Context, list []pkg, formats []string) ([]string, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	var mu sync.Mutex
	var built []string
	for _, p := range list {
		for _, f := range flavours {
			if !slices.Contains(formats, f.kind) {
				continue
			}
			group.Go(func() error {
				path, err := b.one(ctx, p, f)
				mu.Lock()
				defer mu.Unlock()
				built = append(built, path)
				return err
			})
		}
	}
	err := group.Wait()
	slices.Sort(built)
	return built, err
}

// one makes one archive. nfpm's last line ends with its path.
func (b *builder) one(ctx context.Context, p pkg, f flavour) (string, error) {
	tree, err := b.describe(ctx, p, f)
	if err != nil {
		return "", err
	}
	text, err := yaml.Marshal(tree)
	if err != nil {
		return "", errs.E(errs.Failed, "package %s: %w", p.name, err)
	}
	path := filepath.Join(b.work, p.name+"-"+f.kind+"-"+f.release+".yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return "", errs.E(errs.Failed, "package %s: %w", p.name, err)
	}
	cmd := exec.CommandContext(ctx, b.tool, "package", "--config", path, "--packager", f.kind, "--target", b.out)
	out, err := cmd.CombinedOutput()
	_, made, ok := strings.Cut(lastLine(out), "created package: ")
	if err != nil || !ok {
		return "", errs.E(errs.Failed, "package %s (%s): %s", p.name, f.kind, lastLine(out))
	}
	return made, nil
}

// describe gives nfpm's description of a package.
func (b *builder) describe(ctx context.Context, p pkg, f flavour) (map[string]any, error) {
	contents := []map[string]any{}
	if len(p.programs) > 0 { // rpm removes only the folders that a package owns
		contents = append(contents, folder(filepath.Dir(binDir), 0o755, ""), folder(binDir, 0o755, ""))
	}
	for _, program := range p.programs {
		contents = append(contents, entry(filepath.Join(b.bin, program), binDir+"/"+program, "", 0o755))
	}
	tree := map[string]any{
		"name": p.name, "arch": b.arch, "platform": "linux", "version": b.release.version, "version_schema": "none",
		"release": f.release, "section": "net", "priority": "optional", "maintainer": "chatlab <chatlab@example.org>",
		"description": p.summary, "license": "Apache-2.0", "vendor": "chatlab", "mtime": b.release.time,
		"rpm": map[string]any{"compression": "gzip", "group": "Applications/Internet", "summary": p.summary, "buildhost": "chatlab"},
		"deb": map[string]any{"compression": "zstd"},
	}
	depends := []string{}
	for _, need := range p.needs {
		depends = append(depends, b.exactly(need, f))
	}
	if s := p.service; s != nil {
		more, err := b.serviceContents(ctx, s, f)
		if err != nil {
			return nil, err
		}
		contents = append(contents, more...)
		depends = append(depends, map[string]string{"deb": "passwd", "rpm": "shadow-utils"}[f.kind])
		if tree["scripts"], err = b.scripts(s, f); err != nil {
			return nil, err
		}
	}
	tree["contents"], tree["depends"] = contents, depends
	return tree, nil
}

// exactly is the dependency on another package of this very build.
func (b *builder) exactly(name string, f flavour) string {
	if f.kind == "deb" {
		return fmt.Sprintf("%s (= %s-%s)", name, b.release.version, f.release)
	}
	return fmt.Sprintf("%s = %s-%s", name, b.release.version, f.release)
}

// serviceContents lists unit, drop-in, folders and configuration.
func (b *builder) serviceContents(ctx context.Context, s *service, f flavour) ([]map[string]any, error) {
	unit := "chatlab-" + s.name + ".service"
	out := []map[string]any{}
	add := func(name, text, dst, kind string) error {
		path := filepath.Join(b.work, f.kind+f.release+"-"+s.name+"-"+name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return errs.E(errs.Failed, "packages: %w", err)
		}
		out = append(out, entry(path, dst, kind, 0o644))
		return nil
	}
	if err := add(unit, embedded("units/"+unit), "/usr/lib/systemd/system/"+unit, ""); err != nil {
		return nil, err
	}
	if f.hardened {
		const name = "10-hardening.conf"
		if err := add(name, embedded("hardening/"+name), "/usr/lib/systemd/system/"+unit+".d/"+name, ""); err != nil {
			return nil, err
		}
	}
	for _, c := range s.configs {
		text, err := c.text(ctx, b.help)
		if err == nil {
			err = add(c.file, text, etcDir+"/"+c.file, "config|noreplace")
		}
		if err != nil {
			return nil, err
		}
	}
	out = append(out, folder(etcDir, 0o755, ""), folder(etcDir+"/tls", 0o755, ""), folder(dataDir, 0o755, ""))
	for _, dir := range s.data {
		out = append(out, folder(dataDir+"/"+dir, 0o700, s.name))
	}
	return out, nil
}

func embedded(name string) string {
	text, err := files.ReadFile(name)
	if err != nil {
		panic(err) // the table and the folder disagree; a test builds all
	}
	return string(text)
}

func entry(src, dst, kind string, mode os.FileMode) map[string]any {
	return map[string]any{"src": src, "dst": dst, "type": kind, "file_info": map[string]any{"mode": int(mode), "owner": "root", "group": "root"}}
}

func folder(dst string, mode os.FileMode, owner string) map[string]any {
	info := map[string]any{"mode": int(mode), "owner": "root", "group": "root"}
	if owner != "" {
		info["owner"], info["group"] = "chatlab-"+owner, "root"
	}
	return map[string]any{"dst": dst, "type": "dir", "file_info": info}
}

// scripts writes the maintainer scripts: a head that names the service, then
// the same body for all.
func (b *builder) scripts(s *service, f flavour) (map[string]string, error) {
	head := fmt.Sprintf("#!/bin/sh\nset -e\nunit=chatlab-%s.service\nuser=chatlab-%s\ngroup=%s\ndata=%s/%s\n",
		s.name, s.name, s.group, dataDir, s.data[0])
	out := map[string]string{}
	for _, name := range []string{"preinstall", "postinstall", "preremove", "postremove"} {
		path := filepath.Join(b.work, f.kind+f.release+"-"+s.name+"-"+name+".sh")
		if err := os.WriteFile(path, []byte(head+embedded("scripts/"+name+".sh")), 0o700); err != nil {
			return nil, errs.E(errs.Failed, "packages: %w", err)
		}
		out[name] = path
	}
	return out, nil
}
