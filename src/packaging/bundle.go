package main

import (
	"archive/tar"
	"io"
	"os"
	"path/filepath"
	"slices"

	"chatlab/src/errs"
	"chatlab/src/lab/profile"
)

// bundles writes one archive for each profile of the project, of all its packages: a
// playbook brings a machine one file instead of many. A package is compressed;
// the archive is not.
func bundles(project, out string, rel release, formats []string) error {
	all, err := profile.All(project)
	if err != nil {
		return err
	}
	for _, p := range all {
		format, pattern := "rpm", "chatlab-*."+p.Name+".*.rpm"
		if p.Family == profile.Debian {
			format, pattern = "deb", "chatlab-*.deb" // the programs are static: one serves every release
		}
		if !slices.Contains(formats, format) {
			continue
		}
		files, err := filepath.Glob(filepath.Join(out, pattern))
		if err != nil {
			return errs.E(errs.Failed, "bundle: %w", err)
		}
		folder := "chatlab-" + rel.version
		if err := bundle(filepath.Join(out, folder+"-"+p.Name+".tar"), folder, files, rel); err != nil {
			return errs.E(errs.Failed, "bundle: %w", err)
		}
	}
	return nil
}

// bundle writes files below a folder named after their version, last the one
// by which a reader knows that all are there.
func bundle(path, folder string, files []string, rel release) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if closed := f.Close(); err == nil {
			err = closed
		}
	}()
	w := tar.NewWriter(f)
	for _, name := range files {
		if err := add(w, folder+"/"+filepath.Base(name), name, rel); err != nil {
			return err
		}
	}
	if err := w.WriteHeader(&tar.Header{Name: folder + "/complete", Mode: 0o644, ModTime: rel.time, Typeflag: tar.TypeReg}); err != nil {
		return err
	}
	return w.Close()
}

func add(w *tar.Writer, name, path string, rel release) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h := &tar.Header{Name: name, Size: info.Size(), Mode: 0o644, ModTime: rel.time, Typeflag: tar.TypeReg}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}
