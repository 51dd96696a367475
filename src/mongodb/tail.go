package mongodb

import (
	"bytes"
	"cmp"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"chatlab/src/errs"
	"chatlab/src/event"
)

// FerretDB reads and decodes a whole collection for every query but {_id: X}.
// So each log server keeps the newest events of an embedded database a second
// time, in the collection "<collection>_tail": a ring of few documents, each of
// many events. MongoDB needs none: it has the index of _id.
const (
	ringSize    = 100       // documents of a log server
	pieceEvents = 100       // a document is full with so many events, or more…
	pieceBytes  = 128 << 10 // …or with so many bytes of them
)

// piece is a document of the ring.
type piece struct {
	ID     string `bson:"_id"` // the writer and the place in the ring
	Writer string `bson:"writer"`
	Seq    int64  `bson:"seq"`    // of the writer's pieces, the ring's earlier rounds counted
	Since  int64  `bson:"since"`  // Unix time in ms: what the writer stored later is here or in a later piece
	Until  int64  `bson:"until"`  // Unix time in ms: when the last of the piece was stored
	Newest int64  `bson:"newest"` // Unix time of the newest birth
	Events []byte `bson:"events"` // the events' documents one behind the other, deflated
}

// ring writes the tail of one log server.
type ring struct {
	writer string

	mu    sync.Mutex
	begun bool   // the database was asked where the ring ends
	now   piece  // the one that is being filled
	docs  []byte // its documents
	count int    // of its events
}

// KeepTail makes Insert keep the tail too, where the server needs one. Every
// log server needs a name of its own, the same after a restart.
func (l *Log) KeepTail(writer string) { l.ring = &ring{writer: writer} }

// keep adds events that are stored to the tail. Events that are added twice,
// after a failure or a relay's repetition, are one for readers.
func (l *Log) keep(ctx context.Context, events []event.Event) error {
	if l.ring == nil || len(events) == 0 {
		return nil
	}
	if embedded, err := l.isEmbedded(ctx); err != nil || !embedded {
		return err
	}
	l.ring.mu.Lock()
	defer l.ring.mu.Unlock()
	err := l.add(ctx, events)
	if err != nil {
		l.ring.begun = false // how much was written is unknown: begin another piece
	}
	return err
}

func (l *Log) add(ctx context.Context, events []event.Event) error {
	r := l.ring
	if !r.begun {
		seq, err := l.nextPiece(ctx)
		if err != nil {
			return err
		}
		r.begin(seq)
	}
	for _, e := range events {
		doc, err := bson.Marshal(documentOf(e))
		if err != nil {
			return errs.E(errs.Failed, "event log's tail: %w", err)
		}
		r.docs = append(r.docs, doc...)
		r.count++
		r.now.Newest = max(r.now.Newest, e.Time().Unix())
		if len(r.docs) >= pieceBytes {
			if err := l.put(ctx); err != nil {
				return err
			}
			r.begin(r.now.Seq + 1)
		}
	}
	if r.count == 0 {
		return nil
	}
	if err := l.put(ctx); err != nil {
		return err
	}
	if r.count >= pieceEvents {
		r.begin(r.now.Seq + 1)
	}
	return nil
}

// begin starts an empty piece. It is written with its first events.
func (r *ring) begin(seq int64) {
	r.begun, r.docs, r.count = true, r.docs[:0], 0
	r.now = piece{ID: fmt.Sprintf("%s/%d", r.writer, seq%ringSize), Writer: r.writer, Seq: seq, Since: time.Now().UnixMilli()}
}

// put writes the piece that is being filled.
func (l *Log) put(ctx context.Context) error {
	r := l.ring
	r.now.Until = time.Now().UnixMilli()
	var err error
	if r.now.Events, err = deflate(r.docs); err != nil {
		return errs.E(errs.Failed, "event log's tail: %w", err)
	}
	_, err = l.tail.ReplaceOne(ctx, bson.D{{Key: "_id", Value: r.now.ID}}, r.now, options.Replace().SetUpsert(true))
	return away(err)
}

// nextPiece returns the number after the last one of the ring.
func (l *Log) nextPiece(ctx context.Context) (int64, error) {
	next := int64(0)
	err := l.pieces(ctx, func(p piece) error {
		if p.Writer == l.ring.writer {
			next = max(next, p.Seq+1)
		}
		return nil
	})
	return next, err
}

// pieces calls f for every piece of every log server.
func (l *Log) pieces(ctx context.Context, f func(piece) error) error {
	cur, err := l.tail.Find(ctx, bson.D{}, options.Find().SetBatchSize(batchSize))
	if err != nil {
		return away(err)
	}
	defer func() { _ = cur.Close(context.WithoutCancel(ctx)) }()
	for cur.Next(ctx) {
		var p piece
		if err := cur.Decode(&p); err != nil {
			return errs.E(errs.Failed, "%s: not a piece of the event log's tail: %w", l.tail.Name(), err)
		}
		if err := f(p); err != nil {
			return err
		}
	}
	return away(cur.Err())
}

// fromTail returns the chosen records where the tail has all of them.
func (l *Log) fromTail(ctx context.Context, f Filter, after event.ID) (records []Record, ok bool, err error) {
	embedded, err := l.isEmbedded(ctx)
	if err != nil || !embedded {
		return nil, false, err
	}
	since := f.Since.Truncate(time.Second)
	if born := after.Time(); !after.IsZero() && born.After(since) {
		since = born
	}
	wanted := since // an event is born before it is stored
	if f.Stored.After(wanted) {
		wanted = f.Stored
	}
	if wanted.IsZero() {
		return nil, false, nil
	}
	records, complete, err := l.readTail(ctx, f, after, since)
	if err != nil || complete.IsZero() || wanted.Before(complete) {
		return nil, false, err
	}
	return records, true, nil
}

// lastOfTail returns the newest n of the chosen records where the tail has them.
func (l *Log) lastOfTail(ctx context.Context, f Filter, n int) ([]Record, bool, error) {
	if n == 0 {
		return l.fromTail(ctx, f, event.ID{})
	}
	embedded, err := l.isEmbedded(ctx)
	if err != nil || !embedded {
		return nil, false, err
	}
	pieces, complete, err := l.loadTail(ctx, f.Stored, f.Since)
	if err != nil {
		return nil, false, err
	}
	// An older piece has no event among the last n once n are younger than it.
	slices.SortFunc(pieces, func(a, b piece) int { return cmp.Compare(b.Newest, a.Newest) })
	var records []Record
	seen := map[event.ID]bool{}
	for _, p := range pieces {
		if len(records) >= n && p.Newest < records[len(records)-n].Event.Time().Unix() {
			break
		}
		if records, err = p.choose(f, event.ID{}, seen, records); err != nil {
			return nil, false, err
		}
		records = newest(records, 0)
	}
	all := !complete.IsZero() && !f.Since.Truncate(time.Second).Before(complete)
	return newest(records, n), all || len(records) >= n, nil
}

// readTail returns the chosen records of the tail, in the order of their
// ObjectIDs, and the time since which the tail is complete (see loadTail).
func (l *Log) readTail(ctx context.Context, f Filter, after event.ID, since time.Time) (records []Record, complete time.Time, err error) {
	pieces, complete, err := l.loadTail(ctx, f.Stored, since)
	if err != nil {
		return nil, time.Time{}, err
	}
	seen := map[event.ID]bool{}
	for _, p := range pieces {
		if records, err = p.choose(f, after, seen, records); err != nil {
			return nil, time.Time{}, err
		}
	}
	return newest(records, 0), complete, nil
}

// loadTail returns the pieces that have events stored at or after stored and
// born at or after since, and the time since which the tail has all that was
// stored (zero: there is no tail).
func (l *Log) loadTail(ctx context.Context, stored, since time.Time) (young []piece, complete time.Time, err error) {
	oldest := map[string]int64{} // by writer
	err = l.pieces(ctx, func(p piece) error {
		if at, ok := oldest[p.Writer]; !ok || p.Since < at {
			oldest[p.Writer] = p.Since
		}
		if p.Newest >= since.Unix() && p.Until >= stored.UnixMilli() {
			young = append(young, p)
		}
		return nil
	})
	for _, at := range oldest {
		if t := time.UnixMilli(at); t.After(complete) {
			complete = t
		}
	}
	return young, complete, err
}

// choose adds the chosen records that were not seen yet to records.
func (p piece) choose(f Filter, after event.ID, seen map[event.ID]bool, records []Record) ([]Record, error) {
	err := p.records(func(r Record) {
		if f.chooses(r.Event, after) && !seen[r.Event.ID] {
			seen[r.Event.ID] = true
			records = append(records, r)
		}
	})
	return records, err
}

// records calls f for each record of a piece.
func (p piece) records(f func(Record)) error {
	docs, err := io.ReadAll(flate.NewReader(bytes.NewReader(p.Events)))
	for err == nil && len(docs) > 0 {
		var doc bson.Raw
		if doc, err = bson.ReadDocument(bytes.NewReader(docs)); err == nil {
			docs = docs[len(doc):]
			f(recordOf(doc))
		}
	}
	if err != nil {
		return errs.E(errs.Failed, "piece %s of the event log's tail: %w", p.ID, err)
	}
	return nil
}

func deflate(data []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	err = w.Close()
	return out.Bytes(), err
}
