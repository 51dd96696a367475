// Package mark keeps marks of a lab: what somebody did to it, and when. Drills leave them,
// and whoever draws the lab shows them.
package mark

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"chatlab/src/errs"
)

// File is where a state folder has its marks, a JSON object a line.
const File = "marks.jsonl"

// maxSize bounds the file, in bytes: one that is larger begins anew.
const maxSize = 256 << 10

// Mark is one line of text at a moment.
type Mark struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

// Add leaves a mark, now. Code failed.
func Add(state, text string) error {
	line, err := json.Marshal(Mark{time.Now(), text})
	if err != nil {
		return errs.E(errs.Failed, "mark: %w", err)
	}
	path, how := filepath.Join(state, File), os.O_WRONLY|os.O_CREATE|os.O_APPEND
	if info, err := os.Stat(path); err == nil && info.Size() > maxSize {
		how |= os.O_TRUNC
	}
	f, err := os.OpenFile(path, how, 0o600)
	if err != nil {
		return errs.E(errs.Failed, "mark: %w", err)
	}
	_, err = f.Write(append(line, '\n')) // at once: two programs may add
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return errs.E(errs.Failed, "mark: %w", err)
	}
	return nil
}

// Since returns the marks from a time on, the oldest first. A line that cannot be read is
// left out, as is a file that is not there.
func Since(state string, from time.Time) []Mark {
	text, err := os.ReadFile(filepath.Join(state, File))
	if err != nil {
		return nil
	}
	var out []Mark
	for line := range bytes.Lines(text) {
		var m Mark
		if json.Unmarshal(line, &m) == nil && !m.At.Before(from) {
			out = append(out, m)
		}
	}
	return out
}
