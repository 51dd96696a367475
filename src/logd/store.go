package logd

import (
	"context"
	"fmt"

	"chatlab/src/event"
)

// Store keeps events for good. Package logdtest holds its contract.
type Store interface {
	// Insert stores events so that they survive the loss of any one member of
	// the database. An event whose ID is stored already, by an earlier call or
	// earlier in this one, counts as stored and as a repeat; events stored
	// first stays. After an error any part of the events may be stored: the
	// caller tries all of them again. Fails with code unavailable while the
	// database is away, and with *Refused when it is there but will never take
	// some of the events; all others are stored then.
	Insert(ctx context.Context, events []event.Event) (repeats int, err error)

	// Ping tells why events cannot be stored now (code unavailable), or nil.
	Ping(ctx context.Context) error
}

// Refused names the events of an Insert that the database will never take.
type Refused struct {
	Why map[int]string // by index in the call's events
}

// Error counts them.
func (r *Refused) Error() string {
	return fmt.Sprintf("the database refuses %d events for good", len(r.Why))
}
