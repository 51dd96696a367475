package mongodb

import (
	"context"
	"iter"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"chatlab/src/event"
)

// batchSize is how many documents the server sends at a time.
const batchSize = 1000

// Filter chooses events; an empty field does not restrict.
type Filter struct {
	Server     string
	Category   string
	ID         string    // the user or nickname, not the ObjectID
	Since      time.Time // born in this second or later
	DataPrefix string
}

// Record is one stored document.
type Record struct {
	event.Event
	DateTime string
	// Exact tells whether the document has the six fields of the
	// specification in their types, date_time equal to the ObjectID's time,
	// and no other field.
	Exact bool
}

// Find returns the chosen records in the order of their ObjectIDs, from the
// first one above after (zero: from the beginning). The order is of birth, to
// the second, not of storing: a reader that follows the log has to look some
// seconds back for what was stored late. An error (code unavailable) is the
// last element.
func (l *Log) Find(ctx context.Context, f Filter, after event.ID) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		// One cursor, not a query a page: FerretDB scans and sorts for each query.
		cur, err := l.coll.Find(ctx, f.query(after), options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}).SetBatchSize(batchSize))
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

// Count returns how many events are chosen. Fails with code unavailable.
func (l *Log) Count(ctx context.Context, f Filter) (int64, error) {
	n, err := l.coll.CountDocuments(ctx, f.query(event.ID{}))
	return n, away(err)
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
