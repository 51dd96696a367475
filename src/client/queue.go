package client

import (
	"slices"
	"time"

	"chatlab/src/errs"
	"chatlab/src/wire"
)

// item is a line or a command on its way.
type item struct {
	n       uint64 // its place in the order in which items were given
	line    wire.Line
	command string // name of the command, "" for a line
	sent    time.Time
	doubt   bool   // an earlier sending may have been stored, though nobody said so
	stored  uint64 // the server said that it has the line, under this number
	replies []wire.Reply
	upTo    uint64 // of a catch-up: lines of the room up to here are to come first

	onReceipt func(wire.Message, error)
	onReply   func([]wire.Reply, error)
}

// alone tells that nothing else may be under way with the item: a line said
// before a change of rooms has its echo in the old room, a line said after it
// belongs into the new one.
func (it *item) alone() bool { return it.command == "join" || it.command == catchUp }

// ours tells that nobody waits for the item but this package.
func (it *item) ours() bool { return it.onReceipt == nil && it.onReply == nil }

// catchUp is the name of a command of ours, see [Chat.attach].
const catchUp = "catch-up"

func (it *item) finish(m wire.Message, err error) {
	switch {
	case it.onReceipt != nil:
		it.onReceipt(m, err)
	case it.onReply != nil:
		it.onReply(it.replies, err)
	}
}

// queue keeps items in order until they are done with: those that wait, and
// those that are on the wire. The caller locks.
type queue struct {
	waiting, inflight []*item
	hold              time.Time // nothing is sent before
	last              uint64    // n of the last item
}

func (q *queue) add(it *item) {
	q.last++
	it.n = q.last
	q.waiting = append(q.waiting, it)
}

// first puts an item of ours before all others.
func (q *queue) first(it *item) { q.waiting = slices.Insert(q.waiting, 0, it) }

func (q *queue) empty() bool { return len(q.waiting)+len(q.inflight) == 0 }

// next moves sendable items to those on the wire.
func (q *queue) next(now time.Time, window int) []*item {
	if now.Before(q.hold) {
		return nil
	}
	var out []*item
	for len(q.waiting) > 0 && len(q.inflight) < window {
		it := q.waiting[0]
		if len(q.inflight) > 0 && (it.alone() || q.inflight[0].alone()) {
			break
		}
		if it.sent.IsZero() {
			it.sent = now
		}
		q.waiting = q.waiting[1:]
		q.inflight = append(q.inflight, it)
		out = append(out, it)
	}
	return out
}

// lost takes back all that was on the wire of a connection that broke.
func (q *queue) lost() {
	for _, it := range q.inflight {
		it.stored, it.replies, it.doubt = 0, nil, true
	}
	all := append(q.inflight, q.waiting...)
	slices.SortStableFunc(all, func(a, b *item) int { return int(a.n) - int(b.n) })
	q.waiting = slices.DeleteFunc(all, (*item).ours)
	q.inflight, q.hold = nil, time.Time{}
}

// again takes one item back, to send it not before a time.
func (q *queue) again(it *item, hold time.Time) {
	q.drop(it)
	at := slices.IndexFunc(q.waiting, func(w *item) bool { return w.n > it.n })
	if at < 0 {
		at = len(q.waiting)
	}
	q.waiting = slices.Insert(q.waiting, at, it)
	if hold.After(q.hold) {
		q.hold = hold
	}
}

// withID finds the line that has the id. It may wait to be sent again while
// its first sending turns up among the missed lines.
func (q *queue) withID(id string) *item {
	is := func(it *item) bool { return it.command == "" && it.line.ID == id }
	if it := q.find(is); it != nil {
		return it
	}
	if i := slices.IndexFunc(q.waiting, is); i >= 0 {
		return q.waiting[i]
	}
	return nil
}

// withCommand finds the oldest command on the wire, of a name unless it is "".
// Commands are answered in order.
func (q *queue) withCommand(name string) *item {
	return q.find(func(it *item) bool {
		return it.command != "" && (name == "" || it.command == name || (it.command == catchUp && name == "history"))
	})
}

// storedUpTo takes out the lines that the server has and that have been shown.
func (q *queue) storedUpTo(seq uint64) (done []*item) {
	q.inflight = slices.DeleteFunc(q.inflight, func(it *item) bool {
		over := (it.stored > 0 && it.stored <= seq) || (it.upTo > 0 && it.upTo <= seq)
		if over {
			done = append(done, it)
		}
		return over
	})
	return done
}

func (q *queue) find(is func(*item) bool) *item {
	if i := slices.IndexFunc(q.inflight, is); i >= 0 {
		return q.inflight[i]
	}
	return nil
}

// drop takes an item out, wherever it is.
func (q *queue) drop(it *item) {
	if i := slices.Index(q.inflight, it); i == 0 {
		q.inflight = q.inflight[1:]
	} else if i > 0 {
		q.inflight = slices.Delete(q.inflight, i, i+1)
	}
	if i := slices.Index(q.waiting, it); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
	}
}

// clear empties the queue, and returns its items, in order.
func (q *queue) clear() []*item {
	q.lost()
	all := q.waiting
	q.waiting = nil
	return all
}

// newLine checks and cleans a line of text as the server would. Fails with
// bad_utf8, bad_request and too_long.
func newLine(id, text string) (*item, error) {
	clean, err := wire.CleanText(text)
	if err != nil {
		return nil, err
	}
	if clean == "" {
		return nil, errs.E(errs.BadRequest, "the text is empty")
	}
	return (&item{line: wire.Line{ID: id, Text: clean}}).bounded()
}

// newCommand checks a command. Fails with bad_request and too_long.
func newCommand(cmd string) (*item, error) {
	clean, err := wire.CleanText(cmd)
	if err != nil {
		return nil, err
	}
	parts, err := wire.ParseCommand(clean)
	if err != nil {
		return nil, err
	}
	return (&item{line: wire.Line{Cmd: clean}, command: parts.Name}).bounded()
}

func (it *item) bounded() (*item, error) {
	if n := len(wire.AppendLine(nil, it.line)) - 1; n > wire.MaxLine {
		return nil, errs.E(errs.TooLong, "the line is %d bytes too long: %d bytes of it fit", n-wire.MaxLine, max(0, len(it.line.Text+it.line.Cmd)-(n-wire.MaxLine)))
	}
	return it, nil
}
