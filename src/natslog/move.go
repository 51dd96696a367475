package natslog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"chatlab/src/errs"
	"chatlab/src/wait"
)

// A log moves from one server to several, and back, by snapshots, which keep the
// sequences of its lines: JetStream cannot take a stream of one server into a cluster,
// and deletes one that it finds on a member's disk. The server that has the log writes
// the snapshots into its data folder; after its restart the streams are made of them.
const (
	toCluster    = "moving-to-cluster" // snapshots of a log of one server
	toOne        = "moving-to-one"     // snapshots of a cluster's log
	movedDir     = "moved"             // snapshots until every replica of the new streams has all
	goneDir      = "jetstream.gone"    // JetStream's files that are being removed
	bringsPrefix = "brings."           // and a member's name: the last sequence that it brings

	moveLimit  = 10 * time.Minute
	bringsTry  = 300 * time.Millisecond // for the answer of one member
	leadAgain  = time.Second            // until a member is asked again to give up its lead
	movedTopic = "moved"                // subject of a stream that takes no lines any more
)

// streams move in this order: members that bring nothing wait for the last.
var streams = []string{"KV_" + stateBucket, streamName}

// bring makes the streams of the snapshots that this server has. A cluster's log is
// made only when every member that is named has said what it brings: the lines of a
// member that starts last are not left out. limit is for the question whether there is
// a log: JetStream drops requests that arrive before a leader is elected.
func (l *Log) bring(ctx context.Context, limit time.Duration) error {
	own, err := l.brings()
	if err != nil {
		return err
	}
	try, cancel := context.WithTimeout(ctx, limit)
	found, err := l.js.Stream(try, streamName)
	cancel()
	switch {
	case err == nil && !isMoving(found.CachedInfo()):
		return l.leaveAside(own)
	case err != nil && !errors.Is(err, jetstream.ErrStreamNotFound):
		return err
	}
	if err := l.othersBringNothing(ctx, own); err != nil {
		return err
	}
	if own == nil {
		return nil
	}
	return l.restore(ctx)
}

// isMoving reports whether a log is not whole yet, or takes no lines any more.
func isMoving(log *jetstream.StreamInfo) bool {
	return slices.Equal(log.Config.Subjects, []string{movedTopic})
}

// leaveAside deals with the snapshots of a server whose log serves: they are of no use
// any more, but for lines that a server brings to a cluster that has a log already.
func (l *Log) leaveAside(own *server.StreamState) error {
	if own == nil || l.opts.Cluster == nil {
		return errors.Join(os.RemoveAll(l.opts.path(toOne)), os.RemoveAll(l.opts.path(toCluster)))
	}
	aside := l.opts.path(fmt.Sprintf("not-moved-%d", time.Now().Unix()))
	l.logger.Error("the cluster has a log already: the lines that this server brings are put aside", "dir", aside, "lines", own.LastSeq)
	return errors.Join(os.RemoveAll(l.opts.path(toOne)), os.Rename(l.opts.path(toCluster), aside))
}

// snapshots returns the folder of the snapshots that the log's streams are made of.
func (l *Log) snapshots() string {
	if one := l.opts.path(toOne); l.opts.Cluster == nil && exists(one) {
		return one
	}
	return l.opts.path(toCluster)
}

// restore makes the streams of the snapshots. One that an attempt before this left is
// used if it is whole.
func (l *Log) restore(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, moveLimit)
	defer cancel()
	dir := l.snapshots()
	for _, stream := range streams {
		about, err := readSnapshot(dir, stream)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		switch found, err := l.findStream(ctx, stream); {
		case errors.Is(err, jetstream.ErrStreamNotFound):
		case err != nil:
			return err
		case found.CachedInfo().State.Msgs == about.State.Msgs && found.CachedInfo().State.LastSeq == about.State.LastSeq:
			continue
		default:
			err := l.ask(ctx, func(ctx context.Context) error { return l.js.DeleteStream(ctx, stream) })
			if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
				return err
			}
		}
		if err := l.restoreStream(ctx, stream, dir, about); err != nil {
			return errors.Join(fmt.Errorf("restore of %s: %w", stream, err), l.discard(context.WithoutCancel(ctx), stream))
		}
	}
	if err := newDisk(l.opts.path(server.JetStreamStoreDir)).syncChanged(); err != nil {
		return err
	}
	l.logger.Info("the chat log has moved here")
	return errors.Join(os.RemoveAll(l.opts.path(movedDir)), os.Rename(dir, l.opts.path(movedDir)))
}

// discard deletes what an attempt to restore a stream has left: JetStream keeps the name.
// A log that serves is not deleted.
func (l *Log) discard(ctx context.Context, stream string) error {
	ctx, cancel := context.WithTimeout(ctx, apiLimit)
	defer cancel()
	if stream == streamName {
		for name := range l.js.StreamNames(ctx, jetstream.WithStreamListSubject(movedTopic)).Name() {
			if name == streamName {
				return l.js.DeleteStream(ctx, stream)
			}
		}
		return nil
	}
	return l.js.DeleteStream(ctx, stream)
}

// brings returns what the snapshot of the log holds, nil for none that ever had a line.
func (l *Log) brings() (*server.StreamState, error) {
	about, err := readSnapshot(l.snapshots(), streamName)
	if errors.Is(err, fs.ErrNotExist) || err == nil && about.State.LastSeq == 0 {
		return nil, nil
	}
	return &about.State, err
}

// answerBrings answers the other members.
func (l *Log) answerBrings() error {
	_, err := l.conn.Subscribe(bringsPrefix+l.opts.Node, func(msg *nats.Msg) {
		if l.opts.Cluster.shrinks() {
			return // the log is moving here: whoever asks has no part in it
		}
		own, err := l.brings()
		if err != nil {
			l.logger.Error("the snapshots of the chat log cannot be read", "err", err)
			return
		}
		lines := uint64(0)
		if own != nil {
			lines = own.LastSeq
		}
		_ = msg.Respond(strconv.AppendUint(nil, lines, 10))
	})
	return err
}

// othersBringNothing returns nil once every other member has said that it brings no
// lines, else why the log is not made yet.
func (l *Log) othersBringNothing(ctx context.Context, own *server.StreamState) error {
	if l.opts.Cluster == nil {
		return nil
	}
	var silent []string
	for _, m := range l.opts.Cluster.peers.all() {
		if m.name == l.opts.Node {
			continue
		}
		lines, err := l.askBrings(ctx, m.name)
		switch {
		case err != nil:
			silent = append(silent, m.name)
		case lines > 0 && own != nil:
			return fmt.Errorf("two servers bring lines: %s has %d, %s has %d; move away the folder %s of the one whose lines are not wanted",
				l.opts.Node, own.LastSeq, m.name, lines, toCluster)
		case lines > 0:
			return fmt.Errorf("%s brings %d lines", m.name, lines)
		}
	}
	if len(silent) > 0 {
		return fmt.Errorf("the first start of the cluster's log waits for %s: start it, or take it out of the peers file", strings.Join(silent, ", "))
	}
	return nil
}

func (l *Log) askBrings(ctx context.Context, member string) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, bringsTry)
	defer cancel()
	msg, err := l.conn.RequestWithContext(ctx, bringsPrefix+member, nil)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(string(msg.Data), 10, 64)
}

// forgetMoved removes the snapshots once every replica has what they hold.
func (l *Log) forgetMoved() {
	if current, _ := l.replicas(); current < l.opts.Cluster.replicas() || !exists(l.opts.path(movedDir)) {
		return
	}
	about, err := readSnapshot(l.opts.path(movedDir), streamName)
	if err == nil && l.seen.Load().State.LastSeq < about.State.LastSeq {
		return // the log lacks lines that they have
	}
	if err == nil {
		err = newDisk(l.opts.path(server.JetStreamStoreDir)).syncChanged() // what was made of them
	}
	if err = errors.Join(err, os.RemoveAll(l.opts.path(movedDir))); err != nil {
		l.logger.Warn("snapshots of the chat log's move stay on disk", "err", err)
	}
}

// moveToOne packs the log of a cluster whose peers file names only this member any
// more, and ends the log: chatd is restarted without a cluster.
func (l *Log) moveToOne(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, moveLimit)
	defer cancel()
	l.logger.Info("the chat log moves to this server alone")
	for _, stream := range slices.Backward(streams) { // the log first: it takes no lines from then on
		if err := l.takeAlone(ctx, stream); err != nil {
			return fmt.Errorf("%s: %w", stream, err)
		}
	}
	if err := l.save(ctx, toOne); err != nil {
		return err
	}
	l.store.reopen(errs.E(errs.Unavailable, "the chat log has moved to this server alone").
		WithFix("start chatd without cluster.listen"))
	return nil
}

// findStream looks a stream up. Fails with what the client library says of one that is not there.
func (l *Log) findStream(ctx context.Context, stream string) (found jetstream.Stream, err error) {
	err = l.ask(ctx, func(ctx context.Context) (err error) {
		found, err = l.js.Stream(ctx, stream)
		return err
	})
	return found, err
}

// takeAlone makes this member the only one that has a stream.
func (l *Log) takeAlone(ctx context.Context, stream string) error {
	give := server.JSApiLeaderStepdownRequest{Placement: &server.Placement{Preferred: l.opts.Node}}
	leads := func() bool { return l.server.JetStreamIsStreamLeader(account, stream) }
	for !leads() {
		try, cancel := context.WithTimeout(ctx, leadAgain)
		err := api(try, l.conn, fmt.Sprintf(server.JSApiStreamLeaderStepDownT, stream), give, &server.ApiResponse{})
		if err == nil {
			wait.Until(try, handOverEvery, leads)
		}
		again := err == nil || try.Err() != nil || retryable(err)
		cancel()
		if !again || !wait.Sleep(ctx, tryAgain) {
			return cmp.Or(ctx.Err(), err)
		}
	}
	found, err := l.findStream(ctx, stream)
	if err != nil {
		return err
	}
	cfg := found.CachedInfo().Config
	cfg.Replicas = 1
	if stream == streamName {
		cfg.Subjects = []string{movedTopic}
	}
	err = l.ask(ctx, func(ctx context.Context) error {
		_, err := l.js.UpdateStream(ctx, cfg)
		return err
	})
	if err != nil {
		return err
	}
	alone := func() bool {
		found, err := l.findStream(ctx, stream)
		if err != nil {
			return false
		}
		info := found.CachedInfo()
		return info.Cluster != nil && info.Cluster.Leader == l.opts.Node && len(info.Cluster.Replicas) == 0
	}
	if !wait.Until(ctx, handOverEvery, alone) {
		return ctx.Err()
	}
	return nil
}
