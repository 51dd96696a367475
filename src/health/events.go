package health

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/common/model"

	"chatlab/src/errs"
	"chatlab/src/metrics"
	"chatlab/src/wait"
)

// lag is the seconds from an event's birth to its being stored, measured with an event
// of healthd's own account: a sign-in, a line of chat, or the slower of both. While the event is not there, it is the
// time since its birth: it grows for as long as the event log stands still.
//
// That it is there the log servers tell, by the birth of the newest event that
// they have stored of a service: an answer that costs the same however much the
// log database holds. Births are told by the services' clocks, to the second:
// where others make events too, the lag may be told too short by clockError.
type lag struct {
	services Services
	account  *account
	probes   map[string]*lagProbe
}

// lagProbe is one event on its way.
type lagProbe struct {
	turn sync.Mutex
	sent time.Time // when what makes the event was asked for
	born time.Time // zero: none
}

func newLag(s Services, a *account) *lag {
	return &lag{s, a, map[string]*lagProbe{"auth": {}, "chat": {}}}
}

// newest is the log servers' metric, for each service whose events they store.
const newest = "chatlab_logd_newest_timestamp_seconds"

// clockError is how far the birth of an event, told by another machine and in
// whole seconds, may seem to be before the event was asked for.
const clockError = 2 * time.Second

// poll is the pause between looks at the log servers: short at first.
const (
	pollFirst   = 10 * time.Millisecond
	pollLast    = 200 * time.Millisecond
	pollReserve = 300 * time.Millisecond // left to answer in
)

func (l *lag) run(ctx context.Context, params []string) (string, error) {
	kinds := []string{"auth", "chat"}
	one, err := oneOf(params, kinds...)
	switch {
	case len(l.services.LogdOps) == 0:
		return "", errs.E(errs.Failed, "No ops listener of logd is configured.")
	case err != nil:
		return "", err
	case one != "":
		kinds = []string{one}
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
func (l *lag) measure(ctx context.Context, kind string) (time.Duration, error) {
	p := l.probes[kind]
	p.turn.Lock()
	defer p.turn.Unlock()
	if !p.born.IsZero() {
		there, err := l.stored(ctx, kind, p.sent)
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
	for poll := (wait.Backoff{First: pollFirst, Last: pollLast}); ; {
		there, err := l.stored(ctx, kind, p.sent)
		lag := time.Since(p.born)
		if there {
			p.born = time.Time{}
			return lag, nil
		}
		pause := poll.Next()
		if err != nil || time.Now().Add(pause+pollReserve).After(deadline) {
			return lag, err
		}
		if !wait.Sleep(ctx, pause) {
			return lag, ctx.Err()
		}
	}
}

// cause makes an event, born now.
func (l *lag) cause(ctx context.Context, kind string, p *lagProbe) error {
	members, _, err := l.services.members(kind)
	if err != nil {
		return err
	}
	for _, m := range members { // whichever takes it
		p.sent = time.Now()
		p.born = p.sent
		if kind == "auth" {
			_, err = l.account.signIn(ctx, m)
			p.born = time.Now() // a password takes a while
		} else {
			_, err = l.account.say(ctx, m, l.services, "event "+random(8))
		}
		if err == nil {
			return nil
		}
	}
	return err
}

// stored asks the log servers whether one of them has stored an event of that
// service born then or later. One that does not answer has stored nothing; that
// it is down has its own alarm.
func (l *lag) stored(ctx context.Context, kind string, born time.Time) (bool, error) {
	for _, addr := range l.services.LogdOps {
		page, err := scrape(ctx, addr)
		if err != nil {
			continue
		}
		want := metrics.Named(newest)
		want["server"] = model.LabelValue(kind)
		at, known := page.Sum(want)
		if !known {
			return false, errs.E(errs.Failed, "%s has no metric %s: is it another version?", addr, newest)
		}
		if int64(at) >= born.Add(-clockError).Unix() {
			return true, nil
		}
	}
	return false, nil
}

// backlog is the bytes of events that no log server has stored yet, as the loggers know
// them.
func (s Services) backlog(from *scraper) func(context.Context, []string) (string, error) {
	return func(ctx context.Context, params []string) (string, error) {
		one, err := oneOf(params, "auth", "chat")
		if err != nil {
			return "", err
		}
		var addrs []string
		if one != "chat" {
			addrs = append(addrs, s.AuthLoggerOps...)
		}
		if one != "auth" {
			addrs = append(addrs, s.ChatLoggerOps...)
		}
		if len(addrs) == 0 {
			return "", errs.E(errs.Failed, "No ops listener of a logger is configured.")
		}
		return from.sum(ctx, addrs, metrics.Named("chatlab_logger_backlog_bytes"))
	}
}
