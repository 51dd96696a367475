package zbx

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"sync"
	"time"

	"chatlab/src/errs"
)

// Active is an active agent: it asks a Zabbix server for the items of its host,
// runs each at its interval, and sends the values with the times at which they
// were taken. While the server is away the values wait, in order, up to Buffer;
// then the oldest are lost. Each has a number within the session, so that a
// server drops one that comes a second time.
//
// It speaks to servers from 5.0 on. Their answers tell what they understand:
// items with an id (4.4 and later) are answered by it; a config_revision (6.4
// and later) is given back, so that the server sends the items only after a
// change, and begins the heartbeat, which 6.4 shows as the host's availability.
type Active struct {
	Peer     Peer
	Host     string        // the host's name, as the server has it
	Metadata string        // for autoregistration; may be empty
	Port     int           // of passive checks, for autoregistration; 0: not told
	Handle   Handler       // gives the values
	Refresh  time.Duration // between looks for changed items, default 2 min
	Flush    time.Duration // between sendings, default 5 s
	Buffer   int           // values kept, default 10,000
	Longest  time.Duration // for one check that names no timeout, default 3 s
	Beat     time.Duration // between heartbeats, default 1 min
	Log      *slog.Logger  // nil: none

	session  string
	revision uint64 // config_revision, 0: none
	paused   bool   // the server wants no values now

	mu      sync.Mutex
	waiting []result
	lastID  uint64
	lost    int // of values, since the last message about it
	ready   chan struct{}
}

// retryRefresh is when a failed look for items is repeated, at the latest.
const retryRefresh = time.Minute

// agentVersion is what a server is told, for what it may send: a timeout with
// each item.
const agentVersion = "7.0"

// result is a value that waits to be sent.
type result struct {
	id    uint64
	item  activeItem
	value string
	bad   bool // value is the reason why there is none
	at    time.Time
}

// Run works until ctx ends; what waits then is sent, if it can be.
func (a *Active) Run(ctx context.Context) error {
	if a.Host == "" {
		return errs.E(errs.Usage, "active checks: no host name").WithFix("set active.host to the host's name in Zabbix")
	}
	a.defaults()
	items := newSchedule(a)
	defer items.stop()
	refresh, flush := time.NewTimer(0), time.NewTicker(a.Flush)
	defer refresh.Stop()
	defer flush.Stop()
	beat := time.NewTicker(a.Beat)
	defer beat.Stop()
	status := &status{log: a.Log, addr: a.Peer.Addr}
	for {
		select {
		case <-ctx.Done():
			items.stop()
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			_ = a.send(last)
			return nil
		case <-refresh.C:
			err := a.refresh(ctx, items)
			status.tell(ctx, "active checks", err)
			refresh.Reset(a.pause(err))
		case <-flush.C:
			status.tell(ctx, "sending values", a.send(ctx))
		case <-a.ready: // a full batch
			status.tell(ctx, "sending values", a.send(ctx))
		case <-beat.C:
			if a.revision > 0 {
				status.tell(ctx, "heartbeat", a.beat(ctx))
			}
		}
	}
}

func (a *Active) defaults() {
	a.Refresh = or(a.Refresh, 2*time.Minute)
	a.Flush = or(a.Flush, 5*time.Second)
	a.Buffer = or(a.Buffer, 10_000)
	a.Longest = or(a.Longest, 3*time.Second)
	a.Beat = or(a.Beat, time.Minute)
	a.Log = or(a.Log, slog.New(slog.DiscardHandler))
	a.ready = make(chan struct{}, 1)
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	a.session = hex.EncodeToString(id[:])
}

func (a *Active) pause(err error) time.Duration {
	if err != nil {
		return min(a.Refresh, retryRefresh)
	}
	return a.Refresh
}

// add keeps a value until it is sent.
func (a *Active) add(r result) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lastID++
	r.id = a.lastID
	if len(a.waiting) >= a.Buffer {
		a.waiting = append(a.waiting[:0], a.waiting[1:]...)
		a.lost++
	}
	a.waiting = append(a.waiting, r)
	if len(a.waiting) == batch {
		select {
		case a.ready <- struct{}{}:
		default:
		}
	}
}

// send gives the server what waits, a batch at a time, oldest first. What it
// has counted, processed or failed, is done with.
func (a *Active) send(ctx context.Context) error {
	for !a.paused {
		a.mu.Lock()
		part := append([]result(nil), a.waiting[:min(batch, len(a.waiting))]...)
		lost := a.lost
		a.lost = 0
		a.mu.Unlock()
		if lost > 0 {
			a.Log.Error("values lost: the server was away for too long", "addr", a.Peer.Addr, "values", lost)
		}
		if len(part) == 0 {
			return nil
		}
		sent, answer, err := a.Peer.push(ctx, a.dataRequest(part))
		if err != nil {
			return err
		}
		if sent.Failed > 0 {
			a.Log.Warn("the server did not take all values", "addr", a.Peer.Addr, "failed", sent.Failed)
		}
		a.paused = answer.Upload == "disabled"
		a.forget(part[len(part)-1].id)
	}
	return nil
}

// forget drops values up to an id: some may have been lost to a full buffer
// meanwhile.
func (a *Active) forget(id uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for n < len(a.waiting) && a.waiting[n].id <= id {
		n++
	}
	a.waiting = append(a.waiting[:0], a.waiting[n:]...)
}

// status logs a state once, when it changes.
type status struct {
	log  *slog.Logger
	addr string
	bad  map[string]string
}

func (s *status) tell(ctx context.Context, what string, err error) {
	if ctx.Err() != nil {
		return
	}
	if s.bad == nil {
		s.bad = map[string]string{}
	}
	switch {
	case err == nil && s.bad[what] != "":
		s.log.Info(what+" works again", "addr", s.addr)
		delete(s.bad, what)
	case err != nil && s.bad[what] != err.Error():
		s.log.Warn(what+" fails", "addr", s.addr, "err", err)
		s.bad[what] = err.Error()
	}
}
