package auth

import (
	"context"
	"sync"
	"time"

	"chatlab/src/wait"
)

// Failed is how often the password of an id was wrong since it was right last.
// The zero Failed is that of an id of which nothing is known.
type Failed struct {
	Count int
	Last  time.Time // when the latest was counted; UTC, to the microsecond
}

func (f Failed) same(other Failed) bool { return f.Count == other.Count && f.Last.Equal(other.Last) }

// Failures keeps the wrong passwords of ids, which are in lower case. What they
// lead to is not its matter, so it only reads, and replaces what was read: of
// several authd that replace the same thing, one does. Every method is safe for
// concurrent use, ends with its context, and fails with code unavailable when the
// database is away.
type Failures interface {
	// Failed returns what is kept of an id.
	Failed(ctx context.Context, id string) (Failed, error)
	// SwapFailed replaces was by is, one of which is not zero, or does nothing and
	// returns false when what is kept is not was.
	SwapFailed(ctx context.Context, id string, was, is Failed) (bool, error)
	// ForgetFailed removes ids whose latest failure was before a time, a limited
	// number at once, and tells whether there may be more.
	ForgetFailed(ctx context.Context, before time.Time) (more bool, err error)
}

// memory keeps failures for one process, of a limited number of ids: the one that
// was not used for the longest time makes room.
type memory struct {
	mu   sync.Mutex
	seen *table[string, Failed]
}

func newMemory(tracked int) *memory { return &memory{seen: newTable[string, Failed](tracked)} }

// Failed and SwapFailed: see Failures.

func (m *memory) Failed(_ context.Context, id string) (Failed, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return *m.seen.at(id), nil
}

func (m *memory) SwapFailed(_ context.Context, id string, was, is Failed) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	kept := m.seen.at(id)
	if !kept.same(was) {
		return false, nil
	}
	*kept = is
	return true, nil
}

// ForgetFailed does nothing: the table is bounded.
func (m *memory) ForgetFailed(context.Context, time.Time) (bool, error) { return false, nil }

// The times of failures are those of the authd that counts them, not the
// database's: each member of a cluster has a clock of its own as well, and authd's
// a test can set. Clocks that differ cost little. No failure is dated before the
// one before it, so the times of an id follow the fastest clock: who goes from a
// slow node to a fast one gains once, not at each lock, what their clocks differ
// by, and loses it on the way back.

// known is what still counts of f: where no failure followed for LockoutMax,
// nothing. So it is where the latest lies further ahead than a lock can last: a
// clock that was wrong has left it behind.
func (l Limits) known(f Failed, now time.Time) Failed {
	if now.Sub(l.calm(f)) >= l.LockoutMax || f.Last.Sub(now) > l.LockoutMax {
		return Failed{}
	}
	return f
}

// next is f and one failure more.
func (l Limits) next(f Failed, now time.Time) Failed {
	now = now.UTC().Truncate(time.Microsecond)
	if now.Before(f.Last) {
		now = f.Last
	}
	return Failed{Count: f.Count + 1, Last: now}
}

// calm is the time of the latest failure, or the end of the lock that it brought.
func (l Limits) calm(f Failed) time.Time { return f.Last.Add(l.lock(f.Count)) }

// lock returns for how long so many failures lock an id.
func (l Limits) lock(failures int) time.Duration {
	if failures < l.LoginFailures {
		return 0
	}
	return wait.Doubled(l.Lockout, l.LockoutMax, failures-l.LoginFailures)
}
