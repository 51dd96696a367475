package natslog

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"chatlab/src/wait"
)

// snapshotChunk is the size of the messages that carry a snapshot, in bytes.
const snapshotChunk = maxPayload / 2

// requestLimit is how long one answer may take: JetStream checks a log's messages before
// it answers that it has a snapshot.
const requestLimit = time.Minute

// snapshotPaths returns the two files of a stream's snapshot: its description (a
// server.JSApiStreamRestoreRequest) and its data as JetStream sends it.
func snapshotPaths(dir, stream string) (about, data string) {
	return filepath.Join(dir, stream+".json"), filepath.Join(dir, stream+".snapshot")
}

// saveStream writes a snapshot of a stream into a folder and syncs it. JetStream checks
// each message against its checksum first.
func (l *Log) saveStream(ctx context.Context, stream, dir string) error {
	inbox := nats.NewInbox()
	chunks, err := l.conn.SubscribeSync(inbox)
	if err != nil {
		return err
	}
	defer func() { _ = chunks.Unsubscribe() }()
	var answer server.JSApiStreamSnapshotResponse
	ask := server.JSApiStreamSnapshotRequest{DeliverSubject: inbox, NoConsumers: true, ChunkSize: snapshotChunk, CheckMsgs: true}
	if err := l.api(ctx, fmt.Sprintf(server.JSApiStreamSnapshotT, stream), ask, &answer); err != nil {
		return err
	}
	if answer.Error != nil {
		return fmt.Errorf("snapshot of %s: %w", stream, answer.Error)
	}
	about, err := json.Marshal(server.JSApiStreamRestoreRequest{Config: *answer.Config, State: *answer.State})
	if err != nil {
		return err
	}
	aboutPath, dataPath := snapshotPaths(dir, stream)
	if err := writeSynced(aboutPath, func(w io.Writer) error { _, err := w.Write(about); return err }); err != nil {
		return err
	}
	return writeSynced(dataPath, func(w io.Writer) error { return receiveChunks(ctx, chunks, w) })
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
				return errors.New("snapshot: status " + status + " " + msg.Header.Get("Description"))
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
	if err := l.api(ctx, fmt.Sprintf(server.JSApiStreamRestoreT, stream), ask, &answer); err != nil {
		return err
	}
	if answer.Error != nil {
		return fmt.Errorf("restore of %s: %w", stream, answer.Error)
	}
	_, dataPath := snapshotPaths(dir, stream)
	made, err := l.sendChunks(ctx, answer.DeliverSubject, dataPath)
	switch {
	case err != nil:
		return fmt.Errorf("restore of %s: %w", stream, err)
	case made.Msgs != ask.State.Msgs || made.LastSeq != ask.State.LastSeq:
		return fmt.Errorf("restore of %s: %d messages up to %d, the snapshot has %d up to %d",
			stream, made.Msgs, made.LastSeq, ask.State.Msgs, ask.State.LastSeq)
	}
	return nil
}

func readSnapshot(dir, stream string) (server.JSApiStreamRestoreRequest, error) {
	var about server.JSApiStreamRestoreRequest
	path, _ := snapshotPaths(dir, stream)
	text, err := os.ReadFile(path)
	if err != nil {
		return about, err
	}
	return about, json.Unmarshal(text, &about)
}

// sendChunks sends a file in chunks, waits for the receipt of each, and returns the
// state of the stream that was made of them.
func (l *Log) sendChunks(ctx context.Context, subject, path string) (server.StreamState, error) {
	var none server.StreamState
	f, err := os.Open(path)
	if err != nil {
		return none, err
	}
	defer func() { _ = f.Close() }() // it was only read
	chunk := make([]byte, snapshotChunk)
	for in := bufio.NewReaderSize(f, snapshotChunk); ; {
		n, err := io.ReadFull(in, chunk)
		if n > 0 {
			receipt, err := l.sendChunk(ctx, subject, chunk[:n])
			if err != nil {
				return none, err
			}
			if _, err := parseCreated(receipt.Data); len(receipt.Data) > 0 && err != nil {
				return none, err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return none, err
		}
	}
	receipt, err := l.sendChunk(ctx, subject, nil)
	if err != nil {
		return none, err
	}
	return parseCreated(receipt.Data)
}

// sendChunk sends a chunk again while this server does not know yet that another one
// waits for it: it was not delivered then.
func (l *Log) sendChunk(ctx context.Context, subject string, chunk []byte) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	for {
		receipt, err := l.conn.RequestWithContext(ctx, subject, chunk)
		if !errors.Is(err, nats.ErrNoResponders) || !wait.Sleep(ctx, tryAgain) {
			return receipt, err
		}
	}
}

func parseCreated(text []byte) (server.StreamState, error) {
	var made server.JSApiStreamCreateResponse
	switch err := json.Unmarshal(text, &made); {
	case err != nil:
		return server.StreamState{}, err
	case made.Error != nil:
		return server.StreamState{}, made.Error
	case made.StreamInfo == nil:
		return server.StreamState{}, errors.New("the answer names no stream")
	}
	return made.State, nil
}

// api asks JetStream's API something that the client library does not offer.
func (l *Log) api(ctx context.Context, subject string, question, answer any) error {
	return request(ctx, l.conn, subject, question, answer)
}

func request(ctx context.Context, conn *nats.Conn, subject string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	msg, err := conn.RequestWithContext(ctx, subject, body)
	if err != nil {
		return err
	}
	return json.Unmarshal(msg.Data, answer)
}

// writeSynced writes a new file and syncs it.
func writeSynced(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(f, snapshotChunk)
	err = write(out)
	if err == nil {
		err = out.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
