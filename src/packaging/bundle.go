package main

import (
	"archive/tar"
	"io"
	"os"
	"path/filepath"
	"slices"

	"chatlab/src/errs"
)

// bundles writes one archive for each kind of system, of all its packages: a
// playbook brings a machine one file instead of many. A package is compressed;
// the archive is not.
func bundles(out string, rel release, formats []string) error {
	for _, b := range []struct{ format, system, pattern string }{
		{"deb", "debian12", "chatlab-*.deb"}, {"rpm", "el7", "chatlab-*.el7.*.rpm"}, {"rpm", "el9", "chatlab-*.el9.*.rpm"},
	} {
		if !slices.Contains(formats, b.format) {
			continue
		}
		files, err := filepath.Glob(filepath.Join(out, b.pattern))
		if err != nil {
			return errs.E(errs.Failed, "bundle: %w", err)
		}
		folder := "chatlab-" + rel.version
		if err := bundle(filepath.Join(out, folder+"-"+b.system+".tar"), folder, files, rel); err != nil {
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
