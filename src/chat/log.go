package chat

import (
	"context"
	"time"

	"chatlab/src/wire"
)

// Draft is a line that is not stored yet.
type Draft struct {
	Room, User, Text string // no LF in any of them
	ID               string // chosen by the sender; "" for none
}

// Receipt says where a line is stored, or why it is not.
type Receipt struct {
	Seq    uint64
	Repeat bool // it was stored before: the same user sent the same id, or the log itself asked twice
	Err    error
}

// Bounds is the first and the last number of a log that is held. An empty log
// has First = Last + 1.
type Bounds struct{ First, Last uint64 }

// Window is how long a log knows a line's id: a repeat within it is dropped.
const Window = 10 * time.Minute

// Log is the ordered, durable log of all rooms. It numbers lines from 1, in one
// sequence for all rooms. Every method is safe for many goroutines. All fail
// with code unavailable when the log cannot serve, and as ctx does.
type Log interface {
	// Publish stores lines, in their order, and returns a receipt for each once
	// all are durable or have failed. A line whose user and id were stored within
	// Window is not stored again. A line that failed with unavailable may have
	// been stored all the same: publish it again with its id.
	Publish(ctx context.Context, lines ...Draft) []Receipt

	// Follow calls fn with every line of every room after a number, in order,
	// each once, as they are stored, in batches of the lines at hand. It returns
	// when ctx ends or fn fails, with that error.
	Follow(ctx context.Context, after uint64, fn func([]wire.Message) error) error

	// Read returns up to n lines of a room after a number, in order.
	Read(ctx context.Context, room string, after uint64, n int) ([]wire.Message, error)

	// Tail returns the last n lines of a room, in order.
	Tail(ctx context.Context, room string, n int) ([]wire.Message, error)

	// Bounds returns the range of held lines.
	Bounds(ctx context.Context) (Bounds, error)

	// Epoch returns the id of the log's current epoch, once Bounds has succeeded. A
	// number stands for one line in an epoch; after a loss of lines it may stand for
	// another one.
	Epoch() string

	// After returns the number after which a reader goes on that has the lines of an
	// epoch up to seq. known is false when the log cannot tell, as for an epoch of
	// another log.
	After(ctx context.Context, epoch string, seq uint64) (after uint64, known bool, err error)
}

// Presence returns the users in a room on the other servers that share the log. What
// does not answer soon is left out.
type Presence interface {
	Elsewhere(ctx context.Context, room string) []string
}
