package natslog

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
)

// epoch is a part of the log in which no number was given to two lines. A log of its own
// begins one at each start: it cannot prove that its folder is not an older copy, an empty
// one, or one with a damaged end. A cluster has one for as long as it has its stream,
// since Raft keeps the lines. Its id begins with clusterEpoch.
type epoch struct {
	ID    string `json:"id"`
	First uint64 `json:"first"` // number of its first line; the epoch before ends below
}

// epochs are in the order of their beginnings. The last one is the current one.
type epochs []epoch

const (
	epochsKey    = "epochs" // of the list in the bucket, which is JSON
	epochsMost   = 1000
	epochID      = 10 // characters
	clusterEpoch = "c-"
	stateBytes   = 64 << 10 // of a value in the bucket: the longest list
)

// after returns the number after which a reader goes on that has the lines of an epoch
// up to seq. known is false for an epoch that is not in the list.
func (e epochs) after(id string, seq uint64) (after uint64, known bool) {
	i := slices.IndexFunc(e, func(x epoch) bool { return x.ID == id })
	if i >= 0 && i+1 < len(e) {
		seq = min(seq, e[i+1].First-1)
	}
	return seq, i >= 0
}

// begin adds an epoch after the log's last line. It drops those whose lines are all gone.
func (e epochs) begin(id string, log jetstream.StreamState) epochs {
	first := log.LastSeq + 1
	for i := range e {
		e[i].First = min(e[i].First, first) // the log may have lost its end
	}
	e = append(e, epoch{id, first})
	gone := max(0, len(e)-epochsMost)
	for gone+1 < len(e) && e[gone+1].First < log.FirstSeq {
		gone++
	}
	return e[gone:]
}

// holdFor reports whether the last epoch is a cluster's, and the log has not lost its end
// since that began.
func (e epochs) holdFor(log jetstream.StreamState) bool {
	if len(e) == 0 {
		return false
	}
	last := e[len(e)-1]
	return strings.HasPrefix(last.ID, clusterEpoch) && last.First <= log.LastSeq+1
}

// findEpoch makes the epochs known, and begins one where the log has to. Members of a
// cluster may begin it at the same time: one succeeds, and the others read its list when
// they try again.
func (l *Log) findEpoch(ctx context.Context) error {
	if err := l.emptyDamagedBucket(ctx); err != nil {
		return err
	}
	list, revision, err := l.readEpochs(ctx)
	if err != nil && revision == 0 {
		return err
	}
	log, alone, before := l.stream.CachedInfo(), l.opts.Cluster == nil, l.opts.seen()
	if err == nil && alone && revision > 0 && before.Epoch != "" && !slices.ContainsFunc(list, func(e epoch) bool { return e.ID == before.Epoch }) {
		err = errOldEpochs
	}
	if err != nil {
		l.logger.Error("the list of the chat log's epochs is damaged: clients that come back read their rooms from the beginning", "err", err)
		list = nil
	}
	if alone && revision == 0 && log.State.LastSeq > 0 {
		l.logger.Warn("the chat log has lines, and no list of epochs as an earlier version left it: clients that come back with an epoch read their rooms from the beginning")
	}
	if alone || !list.holdFor(log.State) {
		id := rand.Text()[:epochID]
		if !alone {
			id = clusterEpoch + id
		}
		list = list.begin(id, log.State)
		value, err := json.Marshal(list)
		if err != nil {
			return err
		}
		if _, err := l.state.Update(ctx, epochsKey, value, revision); err != nil {
			return err
		}
		if err := l.noteEpoch(seen{id, before.To}); err != nil {
			return err
		}
	}
	l.epochs.Store(&list)
	return nil
}

// noteEpoch notes an epoch once the list that has it is on disk.
func (l *Log) noteEpoch(s seen) error {
	if l.opts.Cluster != nil {
		return os.RemoveAll(l.opts.path(seenFile))
	}
	if err := newDisk(l.opts.path(server.JetStreamStoreDir)).syncChanged(); err != nil {
		return err
	}
	return l.note(s)
}

// readEpochs returns the list and its revision, which is 0 when there is none. An error
// with another revision says that the list is damaged.
func (l *Log) readEpochs(ctx context.Context) (list epochs, revision uint64, err error) {
	entry, err := l.state.Get(ctx, epochsKey)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return nil, 0, nil
	case err != nil:
		return nil, 0, err
	}
	err = json.Unmarshal(entry.Value(), &list)
	return list, entry.Revision(), err
}

// emptyDamagedBucket empties the bucket of a log of its own unless JetStream can read all
// of it. A value that cannot be read cannot be replaced either: the write fails, and so
// does every later one.
func (l *Log) emptyDamagedBucket(ctx context.Context) error {
	if l.opts.Cluster != nil {
		return nil
	}
	bucket, err := l.js.Stream(ctx, "KV_"+stateBucket)
	if err != nil {
		return err
	}
	info, err := bucket.Info(ctx, jetstream.WithSubjectFilter(">"))
	if err != nil {
		return err
	}
	for subject := range info.State.Subjects {
		if _, err := bucket.GetLastMsgForSubject(ctx, subject); err != nil {
			l.logger.Error("what the chat log keeps beside its lines is damaged and begins anew: clients that come back read their rooms from the beginning",
				"subject", subject, "err", err)
			return bucket.Purge(ctx)
		}
	}
	return nil
}

// Epoch implements [chat.Log].
func (l *Log) Epoch() string {
	list := *l.epochs.Load()
	return list[len(list)-1].ID
}

// After implements [chat.Log].
func (l *Log) After(ctx context.Context, epoch string, seq uint64) (after uint64, known bool, err error) {
	if err := l.known(); err != nil {
		return 0, false, err
	}
	after, known = l.epochs.Load().after(epoch, seq)
	if known || l.opts.Cluster == nil {
		return after, known, nil
	}
	list, revision, err := l.readEpochs(ctx) // this member's replica may have been behind
	if err != nil && revision == 0 {
		return 0, false, l.away(ctx, err)
	}
	after, known = list.after(epoch, seq)
	return after, known, nil
}
