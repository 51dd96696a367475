package natslog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"chatlab/src/wait"
)

// snapshotChunk is the size of the messages that carry a snapshot, in bytes.
const snapshotChunk = maxPayload / 2

// snapshotPaths returns the two files of a stream's snapshot: its description (a
// server.JSApiStreamRestoreRequest) and its data as JetStream sends it.
func snapshotPaths(dir, stream string) (about, data string) {
	return filepath.Join(dir, stream+".json"), filepath.Join(dir, stream+".snapshot")
}

func readSnapshot(dir, stream string) (about server.JSApiStreamRestoreRequest, err error) {
	path, _ := snapshotPaths(dir, stream)
	text, err := os.ReadFile(path)
	if err != nil {
		return about, err
	}
	return about, json.Unmarshal(text, &about)
}

// saveStream writes a snapshot of a stream into a folder. JetStream checks each message
// against its checksum first.
func (l *Log) saveStream(ctx context.Context, stream, dir string) error {
	inbox := nats.NewInbox()
	chunks, err := l.conn.SubscribeSync(inbox)
	if err != nil {
		return err
	}
	defer func() { _ = chunks.Unsubscribe() }()
	var answer server.JSApiStreamSnapshotResponse
	ask := server.JSApiStreamSnapshotRequest{DeliverSubject: inbox, NoConsumers: true, ChunkSize: snapshotChunk, CheckMsgs: true}
	if err := api(ctx, l.conn, fmt.Sprintf(server.JSApiStreamSnapshotT, stream), ask, &answer); err != nil {
		return err
	}
	about, err := json.Marshal(server.JSApiStreamRestoreRequest{Config: *answer.Config, State: *answer.State})
	if err != nil {
		return err
	}
	aboutPath, dataPath := snapshotPaths(dir, stream)
	if err := os.WriteFile(aboutPath, about, 0o640); err != nil {
		return err
	}
	data, err := os.OpenFile(dataPath, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	return errors.Join(receiveChunks(ctx, chunks, data), data.Close())
}

// receiveChunks writes the messages of a snapshot until the empty one that ends it.
func receiveChunks(ctx context.Context, chunks *nats.Subscription, w io.Writer) error {
	for {
		msg, err := chunks.NextMsgWithContext(ctx)
		if err != nil {
			return err
		}
		if len(msg.Data) == 0 {
			if status := msg.Header.Get("Status"); status != "" && status != "204" {
				return statusError(msg)
			}
			return nil
		}
		if _, err := w.Write(msg.Data); err != nil {
			return err
		}
		if msg.Reply != "" {
			if err := msg.Respond(nil); err != nil {
				return err
			}
		}
	}
}

// restoreStream makes a stream from a snapshot, with its sequences.
func (l *Log) restoreStream(ctx context.Context, stream, dir string, ask server.JSApiStreamRestoreRequest) error {
	ask.Config.Replicas = l.opts.Cluster.replicas()
	if stream == streamName {
		ask.Config.Subjects = []string{movedTopic} // until all is restored
	}
	var answer server.JSApiStreamRestoreResponse
	if err := api(ctx, l.conn, fmt.Sprintf(server.JSApiStreamRestoreT, stream), ask, &answer); err != nil {
		return err
	}
	_, dataPath := snapshotPaths(dir, stream)
	made, err := l.sendChunks(ctx, answer.DeliverSubject, dataPath)
	if err == nil && (made.Msgs != ask.State.Msgs || made.LastSeq != ask.State.LastSeq) {
		err = fmt.Errorf("%d messages up to %d, the snapshot has %d up to %d", made.Msgs, made.LastSeq, ask.State.Msgs, ask.State.LastSeq)
	}
	return err
}

// sendChunks sends a file in chunks, and an empty one that ends it. It waits for the
// receipt of each, and returns the state of the stream that was made of them.
func (l *Log) sendChunks(ctx context.Context, subject, path string) (made server.StreamState, err error) {
	f, err := os.Open(path)
	if err != nil {
		return made, err
	}
	defer func() { _ = f.Close() }() // it was only read
	for chunk := make([]byte, snapshotChunk); ; {
		n, err := f.Read(chunk)
		if err != nil && !errors.Is(err, io.EOF) {
			return made, err
		}
		var created server.JSApiStreamCreateResponse
		receipt, err := l.sendChunk(ctx, subject, chunk[:n])
		if err == nil && (n == 0 || len(receipt.Data) > 0) {
			err = parseAnswer(receipt.Data, &created)
		}
		switch {
		case err != nil:
			return made, err
		case n == 0 && created.StreamInfo == nil:
			return made, errors.New("the answer names no stream")
		case n == 0:
			return created.State, nil
		}
	}
}

// sendChunk sends a chunk again while this server does not know yet that another one
// waits for it: it was not delivered then.
func (l *Log) sendChunk(ctx context.Context, subject string, chunk []byte) (receipt *nats.Msg, err error) {
	ctx, cancel := context.WithTimeout(ctx, apiLimit)
	defer cancel()
	wait.Until(ctx, tryAgain, func() bool {
		receipt, err = l.conn.RequestWithContext(ctx, subject, chunk)
		return !errors.Is(err, nats.ErrNoResponders)
	})
	return receipt, err
}
