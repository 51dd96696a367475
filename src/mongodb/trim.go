package mongodb

import (
	"context"
	"encoding/binary"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"chatlab/src/event"
)

// trimStep is how many events one command removes. The driver gives a command ten seconds.
const trimStep = 100

// Retention says which events are kept; a zero field does not restrict.
type Retention struct {
	Events int64         `mapstructure:"events" usage:"how many of the newest events are kept; 0: all"`
	Age    time.Duration `mapstructure:"age" usage:"how old an event may get, as 720h; 0: any age"`
}

// Trim removes the events that a retention does not keep, and reports each
// step's number. MongoDB keeps the newest by _id; FerretDB, which has no order
// but that of storing, keeps those that were stored last. Fails with code
// unavailable.
func (l *Log) Trim(ctx context.Context, r Retention, now time.Time, removed func(int64)) error {
	embedded, err := l.isEmbedded(ctx)
	if err != nil {
		return err
	}
	below := event.ID{} // events with a lower _id are too old
	if r.Age > 0 {
		binary.BigEndian.PutUint32(below[:4], uint32(max(0, now.Add(-r.Age).Unix()))) //nolint:gosec // an ObjectID has 32 bits of time
	}
	choose := l.excessByID
	if embedded {
		choose = l.excessByStoring
	}
	next, err := choose(ctx, r.Events, below)
	for err == nil {
		var ids []bson.ObjectID
		if ids, err = next(); err != nil || len(ids) == 0 {
			break
		}
		var n int64
		n, err = l.remove(ctx, ids)
		removed(n)
		if n == 0 {
			break // another log server trims too
		}
	}
	return away(err)
}

// excessByID returns a function for the lowest ids that are to be removed.
func (l *Log) excessByID(ctx context.Context, keep int64, below event.ID) (func() ([]bson.ObjectID, error), error) {
	if keep > 0 {
		opts := options.Find().SetSort(newestFirst).SetSkip(keep - 1).SetLimit(1)
		oldestKept, err := l.ids(ctx, bson.D{}, opts)
		if err != nil {
			return nil, err
		}
		if len(oldestKept) > 0 && compareIDs(event.ID(oldestKept[0]), below) > 0 {
			below = event.ID(oldestKept[0])
		}
	}
	query := bson.D{{Key: "_id", Value: bson.D{{Key: "$lt", Value: bson.ObjectID(below)}}}}
	return func() ([]bson.ObjectID, error) {
		return l.ids(ctx, query, options.Find().SetSort(oldestFirst).SetLimit(trimStep))
	}, nil
}

// excessByStoring returns a function for the first stored ids that are to be
// removed. FerretDB answers a query without filter and sort in the order of
// storing, and reads no further than its limit.
func (l *Log) excessByStoring(ctx context.Context, keep int64, below event.ID) (func() ([]bson.ObjectID, error), error) {
	excess := int64(0)
	if keep > 0 {
		n, err := l.size(ctx)
		if err != nil {
			return nil, err
		}
		excess = max(0, n-keep)
	}
	return func() ([]bson.ObjectID, error) {
		first, err := l.ids(ctx, bson.D{}, options.Find().SetLimit(trimStep))
		if err != nil {
			return nil, err
		}
		var out []bson.ObjectID
		for _, id := range first {
			if excess > 0 || compareIDs(event.ID(id), below) < 0 {
				out = append(out, id)
				excess--
			}
		}
		return out, nil
	}, nil
}

// size returns the number of stored events. FerretDB decodes every document to
// count them, but not for its statistics.
func (l *Log) size(ctx context.Context) (int64, error) {
	var stats struct {
		Count int64 `bson:"count"`
	}
	err := l.coll.Database().RunCommand(ctx, bson.D{{Key: "collStats", Value: l.coll.Name()}}).Decode(&stats)
	if isCode(err, codeNamespaceNotFound) {
		return 0, nil
	}
	return stats.Count, away(err)
}

// ids returns the _ids of a query.
func (l *Log) ids(ctx context.Context, query bson.D, opts *options.FindOptionsBuilder) ([]bson.ObjectID, error) {
	var docs []struct {
		ID bson.ObjectID `bson:"_id"`
	}
	cur, err := l.coll.Find(ctx, query, opts.SetProjection(oldestFirst))
	if err != nil {
		return nil, away(err)
	}
	if err := cur.All(ctx, &docs); err != nil {
		return nil, away(err)
	}
	ids := make([]bson.ObjectID, len(docs))
	for i, d := range docs {
		ids[i] = d.ID
	}
	return ids, nil
}

// remove deletes events one by one, as FerretDB looks up one _id only.
func (l *Log) remove(ctx context.Context, ids []bson.ObjectID) (int64, error) {
	models := make([]mongo.WriteModel, len(ids))
	for i, id := range ids {
		models[i] = mongo.NewDeleteOneModel().SetFilter(bson.D{{Key: "_id", Value: id}})
	}
	res, err := l.coll.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
	if res == nil {
		return 0, away(err)
	}
	return res.DeletedCount, away(err)
}
