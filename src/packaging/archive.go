package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"chatlab/src/errs"
)

// shipped are the files of the repository that an archive has beside the programs.
var shipped = []string{"README.md", "LICENSE", "CHANGELOG.md", "Vagrantfile", "ansible", "vagrant", "zabbix", "grafana", "docs"}

// testsOnly matches those that only the repository's tests read.
var testsOnly = regexp.MustCompile(`^ansible/tests/|^grafana/pictures/`)

// archive writes a .tar.gz: programs, playbooks, inventories, dashboards, templates,
// documents, and the licences of all modules, below one folder.
func archive(ctx context.Context, to, folder, bin string, rel release, modules []module) error {
	f, err := os.Create(to)
	if err != nil {
		return errs.E(errs.Failed, "archive: %w", err)
	}
	zip := gzip.NewWriter(f)
	a := &archiver{tar: tar.NewWriter(zip), folder: folder, rel: rel}
	for _, name := range programs() {
		a.add("bin/"+name, filepath.Join(bin, name), 0o755)
	}
	a.repository(ctx)
	for _, m := range modules {
		for _, name := range m.licences {
			a.add("licences/"+m.Path+"@"+m.Version+"/"+name, filepath.Join(m.Dir, name), 0o644)
		}
	}
	for _, end := range []func() error{a.tar.Close, zip.Close, f.Close} {
		if err := end(); a.err == nil {
			a.err = err
		}
	}
	if a.err != nil {
		return errs.E(errs.Failed, "archive: %w", a.err)
	}
	return nil
}

// archiver keeps the first error.
type archiver struct {
	tar    *tar.Writer
	folder string
	rel    release
	err    error
}

// repository adds what git knows of the shipped files.
func (a *archiver) repository(ctx context.Context) {
	list, err := git(ctx, append([]string{"ls-files", "--stage", "--"}, shipped...)...)
	if err != nil {
		a.err = err
		return
	}
	for line := range strings.Lines(list) {
		meta, name, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok || testsOnly.MatchString(name) {
			continue
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(meta, "100755") {
			mode = 0o755
		}
		a.add(name, name, mode)
	}
}

func (a *archiver) add(name, from string, mode os.FileMode) {
	if a.err != nil {
		return
	}
	text, err := os.ReadFile(from)
	if err != nil {
		a.err = err
		return
	}
	a.err = a.tar.WriteHeader(&tar.Header{Name: path.Join(a.folder, name), Size: int64(len(text)), Mode: int64(mode), ModTime: a.rel.time, Typeflag: tar.TypeReg})
	if a.err == nil {
		_, a.err = a.tar.Write(text)
	}
}
