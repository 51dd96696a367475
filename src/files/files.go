// Package files replaces, locks and follows files.
package files

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/renameio/v2"
)

// Write puts a file of this text and mode in the place of path. After a crash the
// old file is there or the new one, whole.
func Write(path string, text []byte, mode fs.FileMode) error {
	return write(path, text, renameio.WithPermissions(mode), nil)
}

// Update is Write for a file that does not have this text already. It creates the
// file's folder.
func Update(path string, text []byte, mode fs.FileMode) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return Write(path, text, mode)
}

// Replace is Write for a file that keeps its mode and its owner. A new file is the
// caller's, with mode 0600.
func Replace(path string, text []byte) error {
	info, err := os.Stat(path)
	if os.IsNotExist(err) {
		return Write(path, text, 0o600)
	}
	if err != nil {
		return err
	}
	owner, _ := info.Sys().(*syscall.Stat_t)
	return write(path, text, renameio.WithStaticPermissions(info.Mode()), owner)
}

func write(path string, text []byte, mode renameio.Option, owner *syscall.Stat_t) error {
	// Without the folder's name renameio tries whether it can rename from /tmp.
	f, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), mode)
	if err != nil {
		return err
	}
	defer func() { _ = f.Cleanup() }()
	if owner != nil {
		if err := give(f.File, owner); err != nil {
			return err
		}
	}
	if _, err := f.Write(text); err != nil {
		return err
	}
	return f.CloseAtomicallyReplace()
}

// give makes owner the owner of a file. It asks for a change only if they differ: a
// unit may forbid chown altogether.
func give(f *os.File, owner *syscall.Stat_t) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if is, ok := info.Sys().(*syscall.Stat_t); ok && is.Uid == owner.Uid && is.Gid == owner.Gid {
		return nil
	}
	return f.Chown(int(owner.Uid), int(owner.Gid))
}
