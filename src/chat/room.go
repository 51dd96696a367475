package chat

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"chatlab/src/wire"
)

// A write to a connection costs as much as many lines do, so a lane's passes keep a
// beat, in which lines gather: beatShare times what a pass took, up to pace.beat.
// Where lines come faster than anyone can read them the beat slows down, to pace.slow.
// A line is late by one beat at the most. A pass over a few connections takes no
// pause.
const (
	minPass   = 100 * time.Microsecond
	beatShare = 32
	minPause  = 8 * time.Millisecond // after the longest passes
	flood     = 4 << 10              // bytes that came between two passes
)

// pace is how long a lane's beats may be.
type pace struct{ beat, slow time.Duration }

// Of servers that share a log each stores every line, which costs them together as
// much as many hundreds of writes do. For a crowd that is spread over them they make
// fewer writes, so that it does not cost much more than on one server.
var (
	ownPace    = pace{beat: 9 * time.Millisecond, slow: 24 * time.Millisecond}
	sharedPace = pace{beat: 36 * time.Millisecond, slow: 72 * time.Millisecond}
)

// Modes of a connection; each has a run of its own in a room.
const (
	modeJSON = iota
	modePlain
	modes
)

// room is what a chatd keeps of a room while someone is in it.
type room struct {
	name    string
	pace    pace
	runs    [modes]run
	readers [modes]int // guarded by hub.mu
	lanes   []lane
	members int           // guarded by hub.mu
	version atomic.Uint64 // batches that were appended
	bytes   atomic.Uint64 // bytes that were appended, in the mode that has most
}

// lane is a part of a room's connections. Lanes are served side by side, one a
// processor.
type lane struct {
	room    *room
	running atomic.Bool
	mu      sync.Mutex
	members []*member
	oldest  atomic.Int64  // Unix nanoseconds of the oldest line not passed on; 0: none
	passed  atomic.Uint64 // room.bytes when the last pass began
}

// member is a connection in a room.
type member struct {
	user string
	mode int
	w    *writer
	room *room
	lane *lane
	slot int // in lane.members
}

func newRoom(name string, p pace) *room {
	r := &room{name: name, pace: p, lanes: make([]lane, runtime.GOMAXPROCS(0))}
	for i := range r.lanes {
		r.lanes[i].room = r
	}
	return r
}

// append renders a line once for each mode that has readers. hub.mu is held.
func (r *room) append(m wire.Message) {
	size := 2*(len(m.Text)+len(m.ID)) + 192
	n := 0
	if r.readers[modeJSON] > 0 {
		n = r.runs[modeJSON].append(size, func(dst []byte) []byte { return wire.AppendMessage(dst, m) })
	}
	if r.readers[modePlain] > 0 {
		n = max(n, r.runs[modePlain].append(size, func(dst []byte) []byte { return wire.AppendPlain(dst, m) }))
	}
	r.bytes.Add(uint64(n))
}

// keepUp makes the passes itself that the lanes are late with, so that the log
// is read no faster than the room is served: a reader is cut for its own
// slowness, not for ours.
func (r *room) keepUp(stats *Metrics) {
	for i := range r.lanes {
		if l := &r.lanes[i]; r.bytes.Load()-l.passed.Load() > MaxBehind/4 {
			l.pass(stats)
		}
	}
}

// wake makes the lanes pass on appended lines. since is the time of the
// oldest line of the batch.
func (r *room) wake(since time.Time, stats *Metrics, tasks *sync.WaitGroup) {
	r.version.Add(1)
	for i := range r.lanes {
		l := &r.lanes[i]
		l.oldest.CompareAndSwap(0, since.UnixNano())
		if l.running.CompareAndSwap(false, true) {
			tasks.Add(1)
			go l.serve(stats, tasks)
		}
	}
}

// serve passes over the lane until nothing new is there.
func (l *lane) serve(stats *Metrics, tasks *sync.WaitGroup) {
	defer tasks.Done()
	for beat := time.Duration(0); ; {
		version := l.room.version.Load()
		passed := l.passed.Load()
		took := l.pass(stats)
		beat = l.room.pace.next(beat, took, l.passed.Load()-passed)
		time.Sleep(pause(beat, took))
		if l.room.version.Load() != version {
			continue
		}
		l.running.Store(false)
		if l.room.version.Load() == version || !l.running.CompareAndSwap(false, true) {
			return
		}
	}
}

// next returns a lane's beat after a pass, of the one before it and the bytes that the
// pass found.
func (p pace) next(beat, took time.Duration, bytes uint64) time.Duration {
	switch {
	case took < minPass:
		return 0
	case beat > 0 && bytes >= flood:
		return min(2*beat, p.slow)
	}
	return min(beatShare*took, p.beat)
}

// pause is the rest of a beat after a pass.
func pause(beat, took time.Duration) time.Duration {
	if beat == 0 {
		return 0
	}
	return max(beat-took, min(beat, minPause))
}

// pass gives each connection of the lane all that it lacks.
func (l *lane) pass(stats *Metrics) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	oldest := l.oldest.Swap(0)
	l.passed.Store(l.room.bytes.Load())
	begin := time.Now()
	for _, m := range l.members {
		m.w.flush()
	}
	end := time.Now()
	if oldest > 0 && len(l.members) > 0 {
		stats.delay.Observe(end.Sub(time.Unix(0, oldest)).Seconds())
	}
	return end.Sub(begin)
}

func (l *lane) remove(m *member) {
	last := len(l.members) - 1
	l.members[m.slot] = l.members[last]
	l.members[m.slot].slot = m.slot
	l.members[last] = nil
	l.members = l.members[:last]
}

// users returns the names in the room, sorted, and how many they are.
func (r *room) users() []string {
	var names []string
	for i := range r.lanes {
		l := &r.lanes[i]
		l.mu.Lock()
		for _, m := range l.members {
			names = append(names, m.user)
		}
		l.mu.Unlock()
	}
	slices.Sort(names)
	return slices.Compact(names)
}
