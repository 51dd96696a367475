package event

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"sync/atomic"
	"time"
)

// ID is a MongoDB ObjectID, made where the event is born so that storing it
// twice stores it once: 4 bytes of Unix seconds, 5 random bytes of the
// process, a counter of 3 bytes, each big-endian.
type ID [12]byte

// String returns the ID as 24 lower-case hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// IsZero tells whether the ID was never set.
func (id ID) IsZero() bool { return id == ID{} }

// Time returns the second in which the ID was made, in UTC.
func (id ID) Time() time.Time {
	return time.Unix(int64(binary.BigEndian.Uint32(id[:4])), 0).UTC()
}

// ParseID reads the 24 hexadecimal digits of an ID other than zero.
func ParseID(s string) (ID, bool) {
	var id ID
	if len(s) != 2*len(id) {
		return ID{}, false
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return ID{}, false
	}
	return id, !id.IsZero()
}

// NewID returns an ID that no other call, here or in another process, returns.
func NewID(now time.Time) ID {
	var id ID
	binary.BigEndian.PutUint32(id[:4], uint32(now.Unix()))
	copy(id[4:9], process.random[:])
	n := process.counter.Add(1)
	id[9], id[10], id[11] = byte(n>>16), byte(n>>8), byte(n)
	return id
}

// process is what makes the IDs of this process its own. It is the package's
// one variable: two generators in a process would be two processes.
var process = newGenerator()

type generator struct {
	random  [5]byte
	counter atomic.Uint32
}

func newGenerator() *generator {
	g := new(generator)
	var seed [4]byte
	_, _ = rand.Read(g.random[:]) // never fails: crypto/rand ends the program instead
	_, _ = rand.Read(seed[:])
	g.counter.Store(binary.BigEndian.Uint32(seed[:]))
	return g
}
