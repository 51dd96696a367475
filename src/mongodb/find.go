package mongodb

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"chatlab/src/errs"
	"chatlab/src/event"
)

const (
	batchSize = 1000            // documents that the server sends at a time
	scanLimit = 5 * time.Minute // for one pass over the whole collection
)

// Filter chooses events; an empty field does not restrict.
type Filter struct {
	Server     string
	Category   string
	ID         string    // the user or nickname, not the ObjectID
	Since      time.Time // born in this second or later
	DataPrefix string

	// Stored says that events which were stored before this time are not
	// wanted. It spares reading them where the database knows that time; else
	// they may be among the answers.
	Stored time.Time
}

// Record is one stored document.
type Record struct {
	event.Event
	DateTime string
	// Exact reports whether the document has the six fields of the
	// specification in their types, date_time equal to the ObjectID's time,
	// and no other field.
	Exact bool
}

// Find returns the chosen records in the order of their ObjectIDs, from the
// first one above after (zero: from the beginning). The order is of birth, to
// the second, not of storing: a reader that follows the log has to look some
// seconds back for events that were stored late. An error (code unavailable)
// is the last element.
func (l *Log) Find(ctx context.Context, f Filter, after event.ID) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		records, ok, err := l.fromTail(ctx, f, after)
		switch {
		case err != nil:
			yield(Record{}, err)
			return
		case !ok && !l.embedded():
			l.read(ctx, f.query(after), options.Find().SetSort(oldestFirst))(yield)
			return
		case !ok: // FerretDB would hold every decoded document in memory to sort them
			if records, err = l.scanSorted(ctx, f, after, 0); err != nil {
				yield(Record{}, err)
				return
			}
		}
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Scan returns the chosen records in no order, in one pass over the
// collection. An error (code unavailable) is the last element.
func (l *Log) Scan(ctx context.Context, f Filter) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		records, ok, err := l.fromTail(ctx, f, event.ID{})
		if err != nil {
			yield(Record{}, err)
			return
		}
		if !ok {
			l.scan(ctx, f, event.ID{})(yield)
			return
		}
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Last returns the newest n of the chosen events, or all for n = 0, in the
// order of their ObjectIDs. Fails with code unavailable.
func (l *Log) Last(ctx context.Context, f Filter, n int) ([]Record, error) {
	records, ok, err := l.lastOfTail(ctx, f, n)
	if err != nil || ok {
		return records, err
	}
	if l.embedded() {
		return l.scanSorted(ctx, f, event.ID{}, n)
	}
	for r, err := range l.read(ctx, f.query(event.ID{}), options.Find().SetSort(newestFirst).SetLimit(int64(n))) {
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	slices.Reverse(records)
	return records, nil
}

// Count returns how many events are chosen. Fails with code unavailable.
func (l *Log) Count(ctx context.Context, f Filter) (int64, error) {
	if records, ok, err := l.fromTail(ctx, f, event.ID{}); err != nil || ok {
		return int64(len(records)), err
	}
	n, err := l.coll.CountDocuments(ctx, f.query(event.ID{}))
	return n, away(err)
}

// Stored returns the record of an ObjectID; ok is false when there is none.
// Fails with code unavailable.
func (l *Log) Stored(ctx context.Context, id event.ID) (r Record, ok bool, err error) {
	raw, err := l.coll.FindOne(ctx, bson.D{{Key: "_id", Value: bson.ObjectID(id)}}).Raw()
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		return Record{}, false, nil
	case err != nil:
		return Record{}, false, away(err)
	}
	return recordOf(raw), true, nil
}

var (
	oldestFirst = bson.D{{Key: "_id", Value: 1}}
	newestFirst = bson.D{{Key: "_id", Value: -1}}
)

// scan reads the chosen records in the order of the server, within scanLimit.
func (l *Log) scan(ctx context.Context, f Filter, after event.ID) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		ctx, cancel := context.WithTimeout(ctx, scanLimit)
		defer cancel()
		l.read(ctx, f.query(after), options.Find())(yield)
	}
}

// scanSorted returns the newest n of the chosen records of a scan, or all for
// n = 0, in the order of their ObjectIDs.
func (l *Log) scanSorted(ctx context.Context, f Filter, after event.ID, n int) ([]Record, error) {
	var out []Record
	for r, err := range l.scan(ctx, f, after) {
		if err != nil {
			return nil, err
		}
		if out = append(out, r); n > 0 && len(out) >= 2*n+batchSize {
			out = newest(out, n)
		}
	}
	return newest(out, n), nil
}

// newest sorts records and returns the last n of them, or all for n = 0.
func newest(records []Record, n int) []Record {
	slices.SortFunc(records, func(a, b Record) int { return compareIDs(a.Event.ID, b.Event.ID) })
	if n > 0 && len(records) > n {
		return append(records[:0], records[len(records)-n:]...)
	}
	return records
}

func compareIDs(a, b event.ID) int { return slices.Compare(a[:], b[:]) }

// read returns the records of one query, by one cursor.
func (l *Log) read(ctx context.Context, query bson.D, opts *options.FindOptionsBuilder) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		cur, err := l.coll.Find(ctx, query, opts.SetBatchSize(batchSize))
		if err != nil {
			yield(Record{}, away(err))
			return
		}
		defer func() { _ = cur.Close(context.WithoutCancel(ctx)) }()
		for cur.Next(ctx) {
			if !yield(recordOf(cur.Current), nil) {
				return
			}
		}
		if err := cur.Err(); err != nil {
			yield(Record{}, away(err))
		}
	}
}

func (f Filter) query(after event.ID) bson.D {
	q := bson.D{}
	for _, field := range []struct{ name, want string }{{"server", f.Server}, {"category", f.Category}, {"id", f.ID}} {
		if field.want != "" {
			q = append(q, bson.E{Key: field.name, Value: field.want})
		}
	}
	if !f.Since.IsZero() {
		q = append(q, bson.E{Key: "date_time", Value: bson.D{{Key: "$gte", Value: f.Since.UTC().Format(time.RFC3339)}}})
	}
	if f.DataPrefix != "" {
		// Strings compare by their bytes: a range, so that no byte is special.
		q = append(q, bson.E{Key: "data", Value: bson.D{{Key: "$gte", Value: f.DataPrefix}, {Key: "$lt", Value: f.DataPrefix + "\U0010FFFF"}}})
	}
	if !after.IsZero() {
		q = append(q, bson.E{Key: "_id", Value: bson.D{{Key: "$gt", Value: bson.ObjectID(after)}}})
	}
	return q
}

// chooses is query for one event at hand.
func (f Filter) chooses(e event.Event, after event.ID) bool {
	return (f.Server == "" || f.Server == e.Server) && (f.Category == "" || f.Category == e.Category) &&
		(f.ID == "" || f.ID == e.Subject) && !e.Time().Before(f.Since.Truncate(time.Second)) &&
		strings.HasPrefix(e.Data, f.DataPrefix) && compareIDs(e.ID, after) > 0
}

func recordOf(raw bson.Raw) Record {
	var rec Record
	oid, exact := raw.Lookup("_id").ObjectIDOK()
	rec.Event.ID = event.ID(oid)
	for name, to := range map[string]*string{
		"date_time": &rec.DateTime, "server": &rec.Server, "category": &rec.Category, "id": &rec.Subject, "data": &rec.Data,
	} {
		s, ok := raw.Lookup(name).StringValueOK()
		*to = s
		exact = exact && ok
	}
	elements, err := raw.Elements()
	rec.Exact = exact && err == nil && len(elements) == 6 && rec.DateTime == rec.Event.Time().Format(time.RFC3339)
	return rec
}

// isEmbedded reports whether the server is FerretDB, which says so in its
// build information. It asks once. Fails with code unavailable.
func (l *Log) isEmbedded(ctx context.Context) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.server != unknownServer {
		return l.server == ferretServer, nil
	}
	info, err := l.client.Database("admin").RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Raw()
	if err != nil {
		return false, errs.Wrap(err, errs.Unavailable, "log database away")
	}
	l.server = mongoServer
	if _, err := info.LookupErr("ferretdbVersion"); err == nil {
		l.server = ferretServer
	}
	return l.server == ferretServer, nil
}

// embedded is isEmbedded for a server that has answered it before.
func (l *Log) embedded() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.server == ferretServer
}
