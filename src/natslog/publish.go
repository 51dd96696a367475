package natslog

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"chatlab/src/chat"
	"chatlab/src/errs"
	"chatlab/src/wait"
)

const (
	// publishTry is how long an answer may take before a line is sent again in a cluster, as
	// a leader that hands over drops the lines that it had not begun. The ids of the lines keep
	// one from being stored twice.
	publishTry = 600 * time.Millisecond

	// publishAgain is the pause before lines are sent again, as when no server leads.
	publishAgain = 100 * time.Millisecond

	// stalledAfter is how long nothing may be answered until lines are held back in a cluster.
	// A leader that is cut off stores the lines that it gets before it finds out, and takes
	// seconds for each of them, to drop it, when it is back.
	stalledAfter = 150 * time.Millisecond

	maxPending = 1 << 20 // lines on their way: the callers bound them
)

var errHeldBack = errors.New("the leader of the chat log answers nothing")

// Publish implements [chat.Log]. While a cluster has no leader lines are held,
// until ctx ends.
func (l *Log) Publish(ctx context.Context, lines ...chat.Draft) []chat.Receipt {
	receipts := make([]chat.Receipt, len(lines))
	if refused := l.refuse(ctx); refused != nil {
		for i := range receipts {
			receipts[i].Err = refused
		}
		return receipts
	}
	msgs := make([]*nats.Msg, len(lines))
	held := make([]int, 0, len(lines))
	for i, d := range lines {
		if msgs[i], receipts[i].Err = message(d, l.opts.Cluster != nil); receipts[i].Err == nil {
			held = append(held, i)
		}
	}
	for len(held) > 0 {
		if held = l.publish(ctx, msgs, held, receipts); len(held) > 0 {
			wait.Sleep(ctx, publishAgain)
		}
	}
	l.settle(ctx, receipts)
	return receipts
}

// refuse returns why no line is taken now, or nil.
func (l *Log) refuse(ctx context.Context) error {
	if ctx.Err() != nil { // otherwise the answer can win the race against a cancelled caller
		return l.away(ctx, ctx.Err())
	}
	for _, check := range [...]func(*Log) error{(*Log).known, (*Log).writable, (*Log).full, (*Log).refuseCutOff} {
		if err := check(l); err != nil {
			return err
		}
	}
	return nil
}

// message makes the message of a line. A line that may be sent again has an id
// in any case.
func message(d chat.Draft, again bool) (*nats.Msg, error) {
	payload, err := encode(d)
	if err != nil {
		return nil, err
	}
	msg := &nats.Msg{Subject: prefix + d.Room, Data: payload}
	switch {
	case d.ID != "":
		msg.Header = nats.Header{nats.MsgIdHdr: []string{d.User + "/" + d.ID}}
	case again: // an id that no user can give
		msg.Header = nats.Header{nats.MsgIdHdr: []string{"//" + rand.Text()}}
	}
	return msg, nil
}

// publish sends some of the messages, and returns those of them that nobody took
// and that may be sent again.
func (l *Log) publish(ctx context.Context, msgs []*nats.Msg, which []int, receipts []chat.Receipt) (held []int) {
	sent := make([]jetstream.PubAckFuture, len(which))
	for k, i := range which {
		receipts[i].Err = errHeldBack
		if l.opts.Cluster == nil || l.flow.free(time.Now(), l.js.PublishAsyncPending()) {
			sent[k], receipts[i].Err = l.js.PublishMsgAsync(msgs[i], jetstream.WithRetryAttempts(0))
		}
	}
	for k, i := range which {
		if receipts[i].Err == nil {
			receipts[i] = l.answer(ctx, sent[k])
		}
		if unanswered(receipts[i].Err) && l.opts.Cluster != nil && ctx.Err() == nil {
			held = append(held, i)
		}
	}
	return held
}

// answer waits for the answer to a line.
func (l *Log) answer(ctx context.Context, sent jetstream.PubAckFuture) chat.Receipt {
	select {
	case ack := <-sent.Ok():
		l.flow.answered(time.Now(), true)
		return chat.Receipt{Seq: ack.Sequence, Repeat: ack.Duplicate}
	case err := <-sent.Err():
		if !errors.Is(err, jetstream.ErrAsyncPublishTimeout) {
			l.flow.answered(time.Now(), false)
		}
		return chat.Receipt{Err: err}
	case <-ctx.Done():
		return chat.Receipt{Err: ctx.Err()}
	case <-l.life.Done():
		return chat.Receipt{Err: nats.ErrConnectionClosed}
	case <-l.store.broken.Done(): // JetStream leaves a line unanswered after a write error
		return chat.Receipt{Err: l.writable()}
	}
}

// unanswered reports whether a line may be sent again at once: no server leads the log
// now, the same line is on its way already, or it was sent to a leader that is gone.
func unanswered(err error) bool {
	var refused *jetstream.APIError
	return errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, jetstream.ErrAsyncPublishTimeout) || errors.Is(err, errHeldBack) ||
		errors.As(err, &refused) && refused.ErrorCode == jetstream.ErrorCode(server.JSStreamDuplicateMessageConflict)
}

// settle makes the stored lines durable, and the errors of the others fit for peers.
func (l *Log) settle(ctx context.Context, receipts []chat.Receipt) {
	last := uint64(0)
	for _, r := range receipts {
		if r.Err == nil {
			last = max(last, r.Seq)
		}
	}
	unsafe := l.onDisk(ctx, last)
	for seen := l.stored.Load(); last > seen && !l.stored.CompareAndSwap(seen, last); seen = l.stored.Load() {
		continue // another call raised it
	}
	for i := range receipts {
		r := &receipts[i]
		switch {
		case errs.Is(r.Err, errs.BadRequest):
			continue
		case r.Err == nil:
			r.Err = unsafe
		default:
			r.Err = l.away(ctx, r.Err)
		}
		if r.Err == nil && !r.Repeat {
			l.published.Inc()
		}
	}
}

// flow holds lines back while the leader answers nothing: one is sent at a time then.
type flow struct {
	mu      sync.Mutex
	since   time.Time // lines are on their way and nothing was answered
	stalled bool      // nothing was answered for too long
}

// free reports whether a line may be sent. pending is how many are on their way.
func (f *flow) free(now time.Time, pending int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if pending == 0 {
		f.since = now
		return true
	}
	f.stalled = f.stalled || now.Sub(f.since) > stalledAfter
	return !f.stalled
}

// answered notes an answer, and whether it says that a line is stored.
func (f *flow) answered(now time.Time, stored bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.since = now
	f.stalled = f.stalled && !stored
}
