package health

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"chatlab/src/errs"
)

// EventLog is the log database. Has tells whether it holds an event of a user
// that was born since a time, with these data. It fails with an error whose
// public text says why nothing can be read.
type EventLog interface {
	Has(ctx context.Context, server, category, user, data string, since time.Time) (bool, error)
}

// Lag is chatlab.events.lag[(auth|chat)]: the seconds from an event's birth to
// its being stored, measured with an event of healthd's own account: a sign-in,
// a line of chat, or the slower of both. While the event is not there, it is the
// time since its birth: it grows for as long as the event log stands still.
type Lag struct {
	services Services
	account  *Account
	log      EventLog // nil: none
	probes   map[string]*lagProbe
}

// lagProbe is one event on its way.
type lagProbe struct {
	turn sync.Mutex
	born time.Time // zero: none
	data string
}

// NewLag makes the check; log may be nil.
func NewLag(s Services, a *Account, log EventLog) Check {
	return Cached(&Lag{s, a, log, map[string]*lagProbe{"auth": {}, "chat": {}}}, dear)
}

// Key implements [Check].
func (*Lag) Key() string { return "chatlab.events.lag" }

// About implements [Check].
func (*Lag) About() string {
	return "[auth|chat] seconds until an event of that service is stored, without it the slower of both"
}

// poll is the pause between looks into the log database: it starts short and
// grows, as a small one reads all it has for each.
const (
	pollFirst   = 10 * time.Millisecond
	pollLast    = 200 * time.Millisecond
	pollReserve = 300 * time.Millisecond // left to answer in
)

// Run implements [Check].
func (l *Lag) Run(ctx context.Context, params []string) (string, error) {
	kinds := []string{"auth", "chat"}
	switch {
	case l.log == nil:
		return "", errs.E(errs.Failed, "No log database is configured.")
	case len(params) > 1:
		return "", errs.E(errs.BadRequest, "Too many parameters.")
	case len(params) == 1 && params[0] != "":
		if !slices.Contains(kinds, params[0]) {
			return "", errs.E(errs.BadRequest, "Give auth or chat.")
		}
		kinds = params
	}
	lags, faults := make([]time.Duration, len(kinds)), make([]error, len(kinds))
	var all sync.WaitGroup
	for i, kind := range kinds {
		all.Go(func() { lags[i], faults[i] = l.measure(ctx, kind) })
	}
	all.Wait()
	// A service that is down has its own alarm: what the other's events say counts.
	if !slices.Contains(faults, nil) {
		return "", faults[0]
	}
	return strconv.FormatFloat(slices.Max(lags).Seconds(), 'f', 3, 64), nil
}

// measure looks for the event that is on its way. One that a former call left
// behind and that has come meanwhile tells nothing: then another is sent.
func (l *Lag) measure(ctx context.Context, kind string) (time.Duration, error) {
	p := l.probes[kind]
	p.turn.Lock()
	defer p.turn.Unlock()
	if !p.born.IsZero() {
		there, err := l.has(ctx, kind, p)
		if err != nil || !there {
			return time.Since(p.born), err
		}
	}
	if err := l.cause(ctx, kind, p); err != nil {
		p.born = time.Time{}
		return 0, err
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(timeout)
	}
	for pause := pollFirst; ; pause = min(2*pause, pollLast) {
		there, err := l.has(ctx, kind, p)
		lag := time.Since(p.born)
		if there {
			p.born = time.Time{}
			return lag, nil
		}
		if err != nil || time.Now().Add(pause+pollReserve).After(deadline) {
			return lag, err
		}
		select {
		case <-ctx.Done():
			return lag, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// cause makes an event, born now.
func (l *Lag) cause(ctx context.Context, kind string, p *lagProbe) error {
	members, err := l.services.members(kind, nil)
	if err != nil {
		return err
	}
	auth, err := l.services.list()
	if err != nil {
		return err
	}
	for _, m := range members { // whichever takes it
		if kind == "auth" {
			var took time.Duration
			took, err = l.account.signIn(ctx, m.addr)
			p.born, p.data = time.Now(), "success"
			_ = took
		} else {
			p.data = "event " + random(8)
			p.born = time.Now()
			_, err = l.account.say(ctx, m.addr, auth[0].members, p.data)
		}
		if err == nil {
			return nil
		}
	}
	return err
}

func (l *Lag) has(ctx context.Context, kind string, p *lagProbe) (bool, error) {
	cred, err := l.account.load()
	if err != nil {
		return false, err
	}
	category := map[string]string{"auth": "signin", "chat": "chat"}[kind]
	return l.log.Has(ctx, kind, category, cred.ID, p.data, p.born)
}
