package natslog

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"chatlab/src/chat"
	"chatlab/src/errs"
	"chatlab/src/wait"
)

// leaderless is how soon lines are sent again that found no leader.
const leaderless = 100 * time.Millisecond

// Why a line may be sent again at once: no server leads the log now, the same
// line is on its way and what becomes of it is not known yet, or it was sent to a
// leader that is gone.
var (
	errLeaderless = errors.New("the chat log has no leader")
	errOnItsWay   = errors.New("the line is being stored")
	errUnanswered = errors.New("no server has answered")
	errBroken     = errors.New("the chat log cannot be written")
)

// publishTry is how long an answer may take before the lines are sent again in a
// cluster, as a leader that hands over drops what it had not begun: their ids keep a
// line from being stored twice, and while nothing is answered one is tried at a time.
const publishTry = 600 * time.Millisecond

func (l *Log) oneTry(ctx context.Context) (context.Context, context.CancelFunc) {
	if l.opts.Cluster == nil {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, publishTry)
}

// Publish implements [chat.Log]. While a cluster has no leader lines are held,
// until ctx ends.
func (l *Log) Publish(ctx context.Context, lines ...chat.Draft) []chat.Receipt {
	receipts := make([]chat.Receipt, len(lines))
	refused := l.known()
	if refused == nil {
		refused = l.store.writable()
	}
	if refused == nil {
		refused = l.full()
	}
	if refused == nil {
		refused = l.refuseCutOff(time.Now())
	}
	if refused == nil && ctx.Err() != nil { // or the answer might be quicker than who waits is told
		refused = l.away(ctx, ctx.Err())
	}
	if refused != nil {
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
			wait.Sleep(ctx, leaderless)
		}
	}
	l.settle(ctx, receipts)
	return receipts
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

// publish sends some of the messages, and returns those of them that nobody took
// and that may be sent again.
func (l *Log) publish(ctx context.Context, msgs []*nats.Msg, which []int, receipts []chat.Receipt) (held []int) {
	pending := make([]ticket, len(which))
	for k, i := range which {
		if l.opts.Cluster != nil && !l.publisher.free(time.Now()) {
			receipts[i].Err = errUnanswered
			continue
		}
		pending[k], receipts[i].Err = l.publisher.send(msgs[i])
	}
	try, cancel := l.oneTry(ctx)
	defer cancel()
	for k, i := range which {
		if receipts[i].Err == nil {
			receipts[i] = l.publisher.wait(try, pending[k])
			if receipts[i].Err != nil && try.Err() != nil {
				receipts[i].Err = errUnanswered
			}
		}
		if may(receipts[i].Err) && l.opts.Cluster != nil && ctx.Err() == nil {
			held = append(held, i)
		}
	}
	return held
}

// may tells whether a line may be sent again at once.
func may(err error) bool {
	return errors.Is(err, errLeaderless) || errors.Is(err, errOnItsWay) || errors.Is(err, errUnanswered)
}

// message makes what is sent for a line. A line that may be sent again has an id
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

// publisher sends messages and matches the stream's answers to them. Those of
// many callers are on their way together. nats.go has the same with more
// around it, which cost as much as the storing itself.
type publisher struct {
	conn   *nats.Conn
	inbox  string // prefix of the subjects of answers
	closed <-chan struct{}
	broken <-chan struct{} // of the store

	mu      sync.Mutex
	last    uint64
	waiting map[uint64]chan chat.Receipt
	spare   []chan chat.Receipt
	since   time.Time // that something waits and nothing was answered
	stalled bool      // nothing was answered for too long
}

// stalledAfter is how long nothing may be answered until lines are held back in a
// cluster. A leader that is cut off stores what it is given before it finds out, and
// takes seconds for each line of it, to drop it, when it is back.
const stalledAfter = 150 * time.Millisecond

// free tells whether a message may be sent: while nothing is answered one at a time.
func (p *publisher) free(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 {
		return true
	}
	p.stalled = p.stalled || now.Sub(p.since) > stalledAfter
	return !p.stalled
}

// ticket is what a message's sender waits with.
type ticket struct {
	n  uint64
	ch chan chat.Receipt
}

func newPublisher(conn *nats.Conn, closed, broken <-chan struct{}) (*publisher, error) {
	p := &publisher{conn: conn, inbox: nats.NewInbox() + ".", closed: closed, broken: broken, waiting: map[uint64]chan chat.Receipt{}}
	_, err := conn.Subscribe(p.inbox+"*", p.answered)
	return p, err
}

// send publishes a message; wait must follow.
func (p *publisher) send(msg *nats.Msg) (ticket, error) {
	t := p.register()
	msg.Reply = p.inbox + strconv.FormatUint(t.n, 36)
	err := p.conn.PublishMsg(msg)
	if err != nil {
		p.forget(t)
	}
	return t, err
}

// wait returns a message's answer, or why there is none.
func (p *publisher) wait(ctx context.Context, t ticket) chat.Receipt {
	var err error
	select {
	case r := <-t.ch:
		p.recycle(t.ch)
		return r
	case <-ctx.Done():
		err = ctx.Err()
	case <-p.closed:
		err = nats.ErrConnectionClosed
	case <-p.broken:
		err = errBroken
	}
	p.forget(t)
	return chat.Receipt{Err: err}
}

// forget drops a ticket. An answer may be in its channel already, which is
// therefore not used again.
func (p *publisher) forget(t ticket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, t.n)
}

func (p *publisher) register() ticket {
	p.mu.Lock()
	defer p.mu.Unlock()
	var ch chan chat.Receipt
	if n := len(p.spare); n > 0 {
		ch, p.spare = p.spare[n-1], p.spare[:n-1]
	} else {
		ch = make(chan chat.Receipt, 1)
	}
	p.last++
	if len(p.waiting) == 0 {
		p.since = time.Now()
	}
	p.waiting[p.last] = ch
	return ticket{p.last, ch}
}

func (p *publisher) recycle(ch chan chat.Receipt) {
	const keep = 256
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.spare) < keep {
		p.spare = append(p.spare, ch)
	}
}

// answered takes an answer of the stream.
func (p *publisher) answered(msg *nats.Msg) {
	n, err := strconv.ParseUint(strings.TrimPrefix(msg.Subject, p.inbox), 36, 64)
	if err != nil {
		return
	}
	a := parseAck(msg)
	p.mu.Lock()
	ch := p.waiting[n]
	delete(p.waiting, n)
	p.since = time.Now()
	if a.Err == nil {
		p.stalled = false
	}
	p.mu.Unlock()
	if ch != nil {
		ch <- a
	}
}

// inProcess is JetStream's error code for a message id that is on its way.
const inProcess = int(server.JSStreamDuplicateMessageConflict)

// parseAck reads {"stream":"chat","seq":7,"duplicate":true}, or an error.
func parseAck(msg *nats.Msg) chat.Receipt {
	if rest, ok := bytes.CutPrefix(msg.Data, []byte(`{"stream":"`+streamName+`","seq":`)); ok {
		if digits, ok := bytes.CutSuffix(rest, []byte("}")); ok {
			if seq, err := strconv.ParseUint(string(digits), 10, 64); err == nil {
				return chat.Receipt{Seq: seq}
			}
		}
	}
	status := msg.Header.Get("Status")
	if status == unavailable {
		return chat.Receipt{Err: errLeaderless}
	}
	if status != "" {
		return chat.Receipt{Err: errors.New("publish: status " + status)}
	}
	var ack struct {
		Seq       uint64
		Duplicate bool
		Error     *struct {
			Code        int `json:"err_code"`
			Description string
		}
	}
	if err := json.Unmarshal(msg.Data, &ack); err != nil {
		return chat.Receipt{Err: err}
	}
	if ack.Error != nil && ack.Error.Code == inProcess {
		return chat.Receipt{Err: errOnItsWay}
	}
	if ack.Error != nil {
		return chat.Receipt{Err: errors.New("publish: " + ack.Error.Description)}
	}
	return chat.Receipt{Seq: ack.Seq, Repeat: ack.Duplicate}
}
