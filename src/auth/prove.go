package auth

import (
	"context"
	"net/netip"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/app"
	"chatlab/src/errs"
)

// peer is the client of a request. Its address is the connection's: headers that
// claim another are not believed.
type peer struct {
	addr    string // as in http.Request.RemoteAddr
	network netip.Prefix
}

func peerOf(remote string) peer { return peer{remote, app.Network(remote)} }

// prove checks a password of an id, under all limits, and calls then with its user
// if it is right, before the next attempt at the id. who is the id as it was stored,
// where a user has it. Fails with invalid_id, invalid_password (empty or too long),
// wrong_credentials, rate_limited, unavailable, and as then does.
func (s *Service) prove(ctx context.Context, from peer, id, password string, then func(User) error) (who string, err error) {
	who = id
	if err := CheckID(id); err != nil {
		return who, err
	}
	// The shortest length is a rule for new passwords: it may have been less
	// when this one was made.
	if err := checkPassword(password, 1); err != nil {
		return who, err
	}
	a := attempt{from: from, id: strings.ToLower(id), now: s.cfg.Now()}
	if err := s.addresses.mayFail(from.network, a.now); err != nil {
		return who, err
	}
	leave, err := s.lines.enter(ctx, id, from)
	if err != nil {
		return who, err
	}
	defer leave()
	if a.Tries, err = s.Store.Tries(ctx, a.id, from.network.String()); err != nil {
		return who, err
	}
	user, err := s.Store.Get(ctx, id)
	if err == nil {
		who = user.ID
	} else if !errs.Is(err, errs.NotFound) {
		return who, err
	}
	lock := s.cfg.Limits.locked(a)
	right, err := s.verify(ctx, from, user, password, lock > 0)
	switch {
	case err != nil:
		return who, err
	case lock > 0:
		s.addresses.failed(from.network, a.now)
		return who, errs.E(errs.RateLimited, "too many failed sign-ins for this id").WithRetry(lock)
	case !right:
		if err := s.failed(ctx, a); err != nil {
			return who, err
		}
		s.noteLock(a)
		return who, errs.E(errs.WrongCredentials, "the id or the password is wrong")
	}
	s.cleared(ctx, a)
	return who, then(user)
}

// noteLock logs the lock that one more failure brings about.
func (s *Service) noteLock(a attempt) {
	a.Here, a.Everywhere = Failed{a.Here.Count + 1, a.now}, Failed{a.Everywhere.Count + 1, a.now}
	if s.cfg.Limits.locked(a) > 0 {
		s.Log.Warn("id locked", "user", a.id, "addr", a.from.addr, "failures", a.Here.Count, "all", a.Everywhere.Count)
	}
}

// verify spends one hash, whatever the user has stored and whether the id is locked:
// the time of an answer tells nothing. It brings an outdated hash up to date.
func (s *Service) verify(ctx context.Context, from peer, u User, password string, locked bool) (right bool, err error) {
	stored, fresh := s.decoy, ""
	if u.Hash != "" && !locked {
		parsed, err := parsePHC(u.Hash)
		if err != nil {
			s.Log.Error("a stored password hash cannot be used", "user", u.ID, "err", err)
		} else {
			stored = parsed
		}
	}
	err = s.hashing(ctx, from, func() {
		if right = stored.matches(password); right && !stored.current(s.cfg.Params) {
			fresh = Hash(password, s.cfg.Params)
		}
	})
	if err != nil || fresh == "" {
		return right, err
	}
	// The old hash still works: a failure costs only the upgrade.
	if err := s.Store.UpdatePassword(ctx, u.ID, fresh); err != nil {
		s.Log.Warn("password hash not upgraded", "user", u.ID, "err", err)
	}
	return right, nil
}

// hashing runs work, which costs a core and 19 MiB, in a slot of its own. Fails with
// rate_limited and unavailable, without having run it.
func (s *Service) hashing(ctx context.Context, from peer, work func()) error {
	if err := s.hashes.enter(ctx, from.network); err != nil {
		return err
	}
	defer s.hashes.leave()
	defer prometheus.NewTimer(s.metrics.hashing).ObserveDuration()
	work()
	return nil
}
