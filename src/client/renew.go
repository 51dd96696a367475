package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"chatlab/src/errs"
	"chatlab/src/wait"
)

// credential is the present token, shared by the connection and what renews it.
type credential struct {
	mu      sync.Mutex
	raw     string
	renewAt time.Time // zero: never
	refused bool      // the server did not take raw
}

// life is what a token says of its time, in Unix seconds.
type life struct {
	Issued  int64 `json:"iat"`
	Expires int64 `json:"exp"`
}

// lifeOf reads a token's times. The client has no key, so nothing is verified:
// the servers do that.
func lifeOf(raw string) (life, bool) {
	var l life
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return l, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &l) != nil {
		return life{}, false
	}
	return l, l.Issued > 0 && l.Expires > l.Issued && l.Expires-l.Issued < 366*24*3600
}

// set takes a token. One that was made just now is renewed after two thirds of
// its life, whatever this machine's clock says; one of unknown age is when it
// has a third left by this clock, if that is sooner.
func (c *credential) set(raw string, fresh bool, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw, c.refused, c.renewAt = raw, false, time.Time{}
	l, ok := lifeOf(raw)
	if !ok {
		return
	}
	whole := time.Duration(l.Expires-l.Issued) * time.Second
	c.renewAt = now.Add(whole * 2 / 3)
	if left := time.Unix(l.Expires, 0).Add(-whole / 3); !fresh && left.Before(c.renewAt) {
		c.renewAt = left
	}
}

func (c *credential) get() (raw string, refused bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.raw, c.refused
}

// refuse notes that the server did not take a token.
func (c *credential) refuse(raw string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = c.refused || c.raw == raw
}

func (c *credential) due() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.renewAt
}

// renewLoop gets a new token before the old one ends, and has it sent.
func (c *Chat) renewLoop(ctx context.Context) {
	if c.opts.Refresh == nil && c.opts.Login == nil {
		return
	}
	for pause := (wait.Backoff{First: 500 * time.Millisecond, Last: 30 * time.Second}); ; {
		due := c.cred.due()
		if due.IsZero() {
			return
		}
		if pause.Failed() == 0 && !wait.Sleep(ctx, time.Until(due)) {
			return
		}
		switch err := c.renew(ctx); {
		case err == nil:
			pause.Reset()
		case final(err):
			return // the session goes on until its token ends
		default:
			if !pause.Sleep(ctx) {
				return
			}
		}
	}
}

// renew replaces the token by Refresh, or by Login where that is refused.
func (c *Chat) renew(ctx context.Context) error {
	raw, refused := c.cred.get()
	err := error(errs.E(errs.BadToken, "the token is refused"))
	var fresh string
	if c.opts.Refresh != nil && !refused {
		fresh, err = c.opts.Refresh(ctx, raw)
	}
	if err != nil && final(err) && !errs.Is(err, errs.TokenRevoked) && c.opts.Login != nil {
		fresh, err = c.opts.Login(ctx)
	}
	if err != nil {
		return err
	}
	c.cred.set(fresh, true, time.Now())
	c.mu.Lock()
	c.stats.Renewals++
	if c.live != nil {
		c.queue.first(&item{command: "token", line: tokenLine(fresh)})
	}
	c.mu.Unlock()
	c.kick()
	return nil
}

// final tells that asking again with the same credentials cannot help.
func final(err error) bool {
	switch errs.CodeOf(err) {
	case errs.Unavailable, errs.RateLimited, errs.Shutdown, errs.Timeout, errs.Internal, errs.SlowConsumer:
		return false
	}
	return true
}
