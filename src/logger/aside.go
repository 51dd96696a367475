package logger

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Bounds of the lines set aside.
const (
	asideMax  = 8 << 20 // bytes of a file; beyond, it becomes NAME.old
	asideHead = 4 << 10 // bytes kept of a rejected line
)

// aside appends what cannot be relayed to a file of bounded size, for people.
type aside struct {
	path string
	mu   sync.Mutex
}

func newAside(dir, name string) *aside { return &aside{path: filepath.Join(dir, name)} }

// keep writes an entry, a comment line with the time and why, then the bytes,
// and syncs it.
func (a *aside) keep(why string, content []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if info, err := os.Stat(a.path); err == nil && info.Size() > asideMax {
		if err := os.Rename(a.path, a.path+".old"); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(a.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	entry := fmt.Appendf(nil, "# %s %s\n", time.Now().UTC().Format(time.RFC3339), why)
	entry = append(entry, content...)
	if !bytes.HasSuffix(entry, []byte("\n")) {
		entry = append(entry, '\n')
	}
	_, err = f.Write(entry)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
