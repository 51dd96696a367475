package chat

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"chatlab/src/errs"
	"chatlab/src/files"
	"chatlab/src/token"
	"chatlab/src/wait"
)

// lookForEnded is the time between two questions for ended tokens: an open session
// ends within two seconds of its token.
const lookForEnded = time.Second

// Revocations is where a server learns whose tokens have ended.
type Revocations struct {
	Fetch func(context.Context) (token.Ended, error) // of an auth server; nil: nobody is asked
	File  string                                     // keeps the list between runs
}

// revoked follows whose tokens have ended. While no auth server answers, the last list
// holds, also after a restart.
type revoked struct {
	from   Revocations
	keys   *token.Ring
	logger *slog.Logger

	mu    sync.Mutex
	ended token.Ended
	at    time.Time // of the list; zero: there is none yet
	away  bool
}

func newRevoked(o Options) *revoked {
	r := &revoked{from: o.Revocations, keys: o.Tokens, logger: o.Logger, ended: token.Ended{}}
	r.restore()
	promauto.With(o.Metrics).NewGaugeFunc(prometheus.GaugeOpts{
		Name: "chatlab_chat_ended_tokens_age_seconds", Help: "Age of the list of ended tokens; -1 without one.",
	}, r.age)
	return r
}

// kept is the file's content.
type kept struct {
	At    time.Time   `json:"at"`
	Ended token.Ended `json:"ended"`
}

// restore reads the list of the last run.
func (r *revoked) restore() {
	if r.from.File == "" {
		return
	}
	text, err := os.ReadFile(r.from.File)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var k kept
	if err == nil {
		err = json.Unmarshal(text, &k)
	}
	if err != nil || k.Ended == nil {
		r.logger.Warn("the kept list of ended tokens cannot be read; the auth server's is used once it comes", "file", r.from.File, "err", err)
		return
	}
	r.ended, r.at = k.Ended, k.At
}

func (r *revoked) age() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at.IsZero() {
		return -1
	}
	return time.Since(r.at).Seconds()
}

// follow asks for the list, again and again until ctx ends, and then calls sweep.
func (r *revoked) follow(ctx context.Context, sweep func()) {
	wait.Every(ctx, lookForEnded, func() {
		if r.from.Fetch != nil {
			r.update(ctx)
		}
		sweep()
	})
}

func (r *revoked) update(ctx context.Context) {
	ended, err := r.from.Fetch(ctx)
	if ctx.Err() != nil {
		return
	}
	now := time.Now()
	r.mu.Lock()
	changed := err == nil && !same(r.ended, ended)
	switch {
	case err != nil && !r.away:
		r.logger.Warn("no auth server tells whose tokens have ended; the last list holds", "err", err)
	case err == nil && r.away:
		r.logger.Info("an auth server tells whose tokens have ended again")
	}
	if r.away = err != nil; err == nil {
		r.ended, r.at = ended, now
	}
	r.mu.Unlock()
	if changed && r.from.File != "" {
		r.keep(kept{now, ended})
	}
}

func same(a, b token.Ended) bool {
	if len(a) != len(b) {
		return false
	}
	for id, from := range a {
		if b[id] != from {
			return false
		}
	}
	return true
}

func (r *revoked) keep(k kept) {
	text, err := json.Marshal(k)
	if err == nil {
		err = files.Write(r.from.File, text, 0o600)
	}
	if err != nil {
		r.logger.Warn("the list of ended tokens is not kept", "file", r.from.File, "err", err)
	}
}

// fault returns why a token that was verified is not good any more, or nil. Fails with
// token_revoked, and with bad_token when its key was removed.
func (r *revoked) fault(c token.Claims) error {
	r.mu.Lock()
	ended := r.ended.Covers(c)
	r.mu.Unlock()
	switch {
	case ended:
		return token.ErrRevoked()
	case !r.keys.Holds(c):
		return errs.E(errs.BadToken, "the key of your token was removed; sign in again")
	}
	return nil
}

// sweep ends the sessions whose tokens have ended.
func (s *Server) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		c.revoke()
	}
}
