package natslog

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// The events of a cluster's log are emitted by the member that leads it, as it has
// each line first. Each second it tells the others up to which line, so that the
// next one goes on there; what it emitted since is emitted again, with the same ids.
// One whose events are not taken says so, and the others emit meanwhile. A consumer
// that the members share would cost each of them more for a line than storing it.
const (
	positionSubject = "position"
	stuckAfter      = 3 * time.Second
)

// turn is what a member knows of who emits.
type turn struct {
	mu    sync.Mutex
	began time.Time // of what is being emitted; zero: nothing is
	help  bool      // the leader cannot emit
}

// word is what a member tells the others.
type word struct {
	To    uint64 `json:"to"`              // all up to this line are emitted
	Stuck bool   `json:"stuck,omitempty"` // and the leader emits no more of them
	Help  bool   `json:"help,omitempty"`  // said by one who is not the leader
}

func (t *turn) begins() { t.set(time.Now()) }
func (t *turn) ends()   { t.set(time.Time{}) }

func (t *turn) set(began time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.began = began
}

func (t *turn) stuck() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.began.IsZero() && time.Since(t.began) >= stuckAfter
}

func (t *turn) helps() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.help
}

func (t *turn) leaderIsStuck(yes bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.help = yes
}

// emitsNow tells whether this member emits events.
func (l *Log) emitsNow() bool { return l.leads() || l.turn.helps() }

// emittedTo keeps what this member emitted. What a leader that was stuck emits in
// the end, the others may have emitted long ago.
func (l *Log) emittedTo(seq uint64) error {
	if err := l.cursor.store(max(seq, l.cursor.seq.Load())); err != nil {
		return err
	}
	if !l.leads() {
		l.tell(word{To: seq, Help: true})
	}
	return nil
}

// tellPosition tells the others where a leader is.
func (l *Log) tellPosition() {
	if l.opts.Cluster != nil && l.leads() {
		l.tell(word{To: l.cursor.seq.Load(), Stuck: l.turn.stuck()})
	}
}

func (l *Log) tell(w word) {
	text, err := json.Marshal(w)
	if err == nil {
		err = l.conn.Publish(positionSubject, text)
	}
	if err != nil {
		l.logger.Debug("the others are not told the events' position", "err", err)
	}
}

// listen takes what the others tell. A leader's word is the position: its own may be
// of a log that lost its end.
func (l *Log) listen() error {
	_, err := l.conn.Subscribe(positionSubject, func(msg *nats.Msg) {
		var w word
		if err := json.Unmarshal(msg.Data, &w); err != nil {
			l.logger.Warn("another member tells a position that cannot be read", "err", err)
			return
		}
		if err := l.heard(w); err != nil {
			l.logger.Warn("the position of the events cannot be kept", "err", err)
		}
	})
	return err
}

func (l *Log) heard(w word) error {
	leads := l.leads()
	switch {
	case leads && w.Help:
		return l.cursor.store(max(w.To, l.cursor.seq.Load()))
	case leads || w.Help:
		return nil
	}
	l.turn.leaderIsStuck(w.Stuck)
	return l.cursor.store(w.To)
}
