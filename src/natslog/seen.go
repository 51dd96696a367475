package natslog

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"chatlab/src/files"
)

// seen is a file beside the bucket of a log of its own, with the records that the log
// wrote last. JetStream drops a damaged block, and an earlier record may then be the newest.
type seen struct {
	Epoch string `json:"epoch"`
	To    uint64 `json:"to"` // the cursor of the events
}

const seenFile = "seen"

func (o Options) seen() (s seen) {
	if text, err := os.ReadFile(o.path(seenFile)); err == nil {
		_ = json.Unmarshal(text, &s) // a damaged one proves nothing
	}
	return s
}

// note replaces the file. A member of a cluster has none: the others have its records.
func (l *Log) note(s seen) error {
	if l.opts.Cluster != nil {
		return nil
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return files.Write(l.opts.path(seenFile), text, 0o640)
}

// believed returns the cursor of a record that is read at the start, and why it is lower
// than the record's, or than the one that the log wrote last. It goes back and never forwards.
func (l *Log) believed(record lease) (to uint64, why error) {
	if l.opts.Cluster != nil {
		return record.To, nil
	}
	to = record.To
	if record.Epoch != "" {
		after, known := l.epochs.Load().after(record.Epoch, to)
		switch {
		case !known:
			return 0, fmt.Errorf("its record is of the epoch %s, which the log lacks", record.Epoch)
		case after < to:
			return after, fmt.Errorf("the log has lost lines: the epoch of its record ended at %d, before %d", after, to)
		}
	}
	if last := l.opts.seen().To; to < last && last <= l.stream.CachedInfo().State.LastSeq {
		why = fmt.Errorf("its record says %d and is older than one that said %d", to, last)
	}
	return to, why
}

// errOldEpochs says that a list of epochs lacks one that the log had begun.
var errOldEpochs = errors.New("it is older than one that the log had")
