package mongodb

import (
	"context"
	"iter"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"chatlab/src/event"
)

// scanLimit bounds one Scan as a whole.
const scanLimit = 5 * time.Minute

// Scan returns the chosen records in no order, in one pass over the collection:
// for reading much of it, where Find's pages would cost a pass each. An error
// (code unavailable) is the last element.
func (l *Log) Scan(ctx context.Context, f Filter) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		ctx, cancel := context.WithTimeout(ctx, scanLimit)
		defer cancel()
		cur, err := l.coll.Find(ctx, f.query(event.ID{}), options.Find().SetBatchSize(5000))
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
