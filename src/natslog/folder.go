package natslog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"chatlab/src/errs"
	"chatlab/src/files"
)

// kind says what log a data folder has.
type kind int

const (
	noLog kind = iota
	ownLog
	memberLog
)

func (o Options) kind() kind {
	root := filepath.Join(o.Dir, server.JetStreamStoreDir)
	switch {
	case exists(filepath.Join(root, server.DEFAULT_SYSTEM_ACCOUNT, "_js_", "_meta_")):
		return memberLog
	case o.hasStream():
		return ownLog
	}
	return noLog
}

func (o Options) hasStream() bool {
	return exists(filepath.Join(o.Dir, server.JetStreamStoreDir, account, "streams", streamName))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

func (o Options) path(name string) string { return filepath.Join(o.Dir, name) }

// claim notes whose folder it is. JetStream knows a member by its name: with the files of
// another one it would vote as that one, and the cluster could lose what it agreed to.
// Fails with code usage.
func (o Options) claim() error {
	path := o.path("node")
	text, err := os.ReadFile(path)
	name := strings.TrimSpace(string(text))
	switch {
	case err == nil && name == o.Node:
		return nil
	case err == nil && o.Cluster != nil && o.Cluster.peers.names(name) && o.kind() == memberLog:
		return errs.E(errs.Usage, "chat log: %s has the files of the member %s, and this server is %s", o.Dir, name, o.Node).
			WithFix("set data_dir to this server's own folder, or move the files away: it gets all lines from the others")
	}
	if err := files.Update(path, []byte(o.Node+"\n"), 0o640); err != nil {
		return errs.E(errs.Usage, "chat log: %w", err).WithFix("set data_dir to a folder that chatd may write")
	}
	return nil
}

// convert makes a folder of the other kind one that the server can start on. Fails with
// code usage when the lines in it cannot be moved.
func (o Options) convert(ctx context.Context) error {
	if err := os.RemoveAll(o.path(goneDir)); err != nil {
		return errs.E(errs.Usage, "chat log: %w", err).WithFix("let chatd write what is in its data_dir")
	}
	have, want := o.kind(), ownLog
	if o.Cluster != nil {
		want = memberLog
		if err := os.RemoveAll(o.path(toOne)); err != nil { // that move was given up
			return errs.E(errs.Usage, "chat log: %w", err).WithFix("let chatd write what is in its data_dir")
		}
	}
	if have == noLog || have == want {
		return nil
	}
	switch {
	case have == memberLog && !exists(o.path(toOne)) && (o.hasStream() || !exists(o.path(toCluster))):
		return errs.E(errs.Usage, "chat log: the lines in %s are those of a cluster's member, and may not be all", o.Dir).
			WithFix("start the cluster again and let its peers file name %s alone: it then moves the log here; or move the folder away and begin without its lines", o.Node)
	case have == ownLog:
		o.Logger.Info("the chat log moves from one server to several", "dir", o.path(toCluster))
		if err := o.pack(ctx); err != nil {
			return errs.Wrap(err, errs.Unavailable, "the chat log in %s cannot be packed for its cluster", o.Dir)
		}
	}
	return o.dropStore()
}

// dropStore removes JetStream's files, whose snapshots are on disk. A part of them, left
// by a crash, must not pass for a log.
func (o Options) dropStore() error {
	gone := o.path(goneDir)
	if err := os.Rename(o.path(server.JetStreamStoreDir), gone); err != nil {
		return err
	}
	return errors.Join(syncPath(o.Dir), os.RemoveAll(gone))
}

// pack writes snapshots of a log of one server, which it starts for that.
func (o Options) pack(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, moveLimit)
	defer cancel()
	o.Cluster = nil
	l := &Log{opts: o, logger: o.Logger, store: newStore()}
	defer l.halt()
	if err := l.boot(ctx); err != nil {
		return err
	}
	return l.save(ctx, toCluster)
}

// save writes the snapshots, all or none.
func (l *Log) save(ctx context.Context, name string) error {
	part := l.opts.path(name + ".part")
	if err := errors.Join(os.RemoveAll(part), os.Mkdir(part, 0o750)); err != nil {
		return err
	}
	for _, stream := range streams {
		_, err := l.findStream(ctx, stream)
		if errors.Is(err, jetstream.ErrStreamNotFound) && stream != streamName { // a log of an earlier version has no bucket
			continue
		}
		if err == nil {
			err = l.saveStream(ctx, stream, part)
		}
		if err != nil {
			return fmt.Errorf("snapshot of %s: %w", stream, err)
		}
	}
	path := l.opts.path(name)
	err := newDisk(part).syncChanged()
	if err == nil {
		err = os.RemoveAll(path)
	}
	if err == nil {
		err = os.Rename(part, path)
	}
	return errors.Join(err, syncPath(l.opts.Dir))
}
