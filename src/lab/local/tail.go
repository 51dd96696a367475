package local

import (
	"io"
	"os"
	"strings"

	"chatlab/src/errs"
	"chatlab/src/lab/local/supervisor"
)

// tailLines is how much of a log a failure shows.
const tailLines = 12

// failed makes the error of a service that did not come up. The daemon's own
// hint is the fix, if it gave one.
func failed(svc supervisor.Service, reason string) error {
	lines := tail(svc.Log)
	err := errs.E(errs.Failed, "%s", reason)
	err.Fix = "look into " + svc.Log
	for _, l := range lines {
		if _, hint, ok := strings.Cut(l, ": hint: "); ok {
			err.Fix = hint
		}
	}
	return &StartError{svc.Name + " on " + svc.Node, svc.Log, lines, err}
}

// tail returns the last lines of a file.
func tail(path string) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > 8<<10 {
		_, _ = f.Seek(-8<<10, io.SeekEnd)
	}
	text, _ := io.ReadAll(io.LimitReader(f, 8<<10))
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	if len(lines) == 1 && lines[0] == "" {
		return nil
	}
	return lines[max(0, len(lines)-tailLines):]
}
