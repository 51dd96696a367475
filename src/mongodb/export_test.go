package mongodb

import (
	"testing"
	"time"

	"chatlab/src/event"
)

// The size of the tail.
const (
	RingSize    = ringSize
	PieceEvents = pieceEvents
)

// TailOf returns what the tail of an embedded server has.
func TailOf(t *testing.T, l *Log) []Record {
	t.Helper()
	records, _, err := l.readTail(t.Context(), Filter{}, event.ID{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return records
}
