package auth

import (
	"context"
	"time"

	"chatlab/src/errs"
	"chatlab/src/token"
)

// Login returns a new token for an id and its password; it names the id as it
// was stored. Fails as prove.
func (s *Service) Login(ctx context.Context, remote, id, password string) (signed string, err error) {
	from, now := peerOf(remote), s.cfg.Now()
	if err := CheckID(id); err != nil {
		return "", err
	}
	if err := s.recordable(); err != nil {
		return "", err
	}
	who, err := s.prove(ctx, from, id, password, func(u User) error {
		if err := s.record(ctx, signIn, u.ID, success); err != nil {
			return err
		}
		signed, err = s.issue(u, now)
		return err
	})
	if errs.Is(err, errs.WrongCredentials) {
		if err := s.record(ctx, signIn, who, fail); err != nil {
			return "", err
		}
	}
	return signed, err
}

// issue makes a token that was not ended when the user was read. A time of issue
// before that reading would be safe too, one after it would not: the password may
// have been changed since.
func (s *Service) issue(u User, now time.Time) (string, error) {
	if now.Before(u.TokensFrom) {
		now = u.TokensFrom
	}
	signed, _, err := s.Ring.Issue(u.ID, now)
	return signed, err
}

// bearer returns the user of a token that is still good. Fails with bad_token (also
// when the user is gone), token_expired, token_revoked and unavailable.
func (s *Service) bearer(ctx context.Context, raw string) (User, token.Claims, error) {
	claims, err := s.Ring.Verify(raw, s.cfg.Now())
	if err != nil {
		return User{}, claims, err
	}
	u, err := s.Store.GetLatest(ctx, claims.User)
	if errs.Is(err, errs.NotFound) {
		return u, claims, errs.Wrap(err, errs.BadToken, "the token is not valid").WithFix("sign in again")
	}
	if err == nil && claims.IssuedAt < u.TokensFrom.Unix() {
		err = token.ErrRevoked()
	}
	return u, claims, err
}

// Refresh returns a new token for the user of one that is still good. Fails as bearer.
func (s *Service) Refresh(ctx context.Context, raw string) (string, error) {
	now := s.cfg.Now()
	u, _, err := s.bearer(ctx, raw)
	if err != nil {
		return "", err
	}
	return s.issue(u, now)
}

// Logout ends all tokens of a token's user. Fails as bearer.
func (s *Service) Logout(ctx context.Context, remote, raw string) error {
	u, claims, err := s.bearer(ctx, raw)
	if err != nil {
		return err
	}
	if _, err := s.Store.EndTokens(ctx, u.ID, s.after(claims)); err != nil {
		return err
	}
	s.Log.Info("tokens ended", "user", u.ID, "addr", remote, "why", "logout")
	return nil
}

// after is the second that follows every token which this server has issued until now,
// and the one with these claims.
func (s *Service) after(c token.Claims) time.Time {
	return time.Unix(max(c.IssuedAt, s.cfg.Now().Unix())+1, 0)
}

// ChangePassword replaces the password of a token's user, ends the user's tokens, and
// returns a new one. Fails as bearer and prove, and with invalid_password.
func (s *Service) ChangePassword(ctx context.Context, remote, raw, old, fresh string) (signed string, err error) {
	u, claims, err := s.bearer(ctx, raw)
	if err != nil {
		return "", err
	}
	if err := s.checkNewPassword(u.ID, fresh); err != nil {
		return "", err
	}
	from := peerOf(remote)
	_, err = s.prove(ctx, from, u.ID, old, func(u User) error {
		if old == fresh {
			return errs.E(errs.InvalidPassword, "the new password is the old one")
		}
		var hash string
		if err := s.hashing(ctx, from, func() { hash = Hash(fresh, s.cfg.Params) }); err != nil {
			return err
		}
		u.TokensFrom, err = s.Store.ChangePassword(context.WithoutCancel(ctx), u.ID, hash, s.after(claims))
		if err != nil {
			return err
		}
		s.Log.Info("tokens ended", "user", u.ID, "addr", remote, "why", "new password")
		signed, err = s.issue(u, u.TokensFrom)
		return err
	})
	return signed, err
}

// Delete removes a token's user and ends the user's tokens: whoever takes the id next
// has nothing to do with them. Fails as bearer and prove.
func (s *Service) Delete(ctx context.Context, remote, raw, password string) error {
	u, claims, err := s.bearer(ctx, raw)
	if err != nil {
		return err
	}
	_, err = s.prove(ctx, peerOf(remote), u.ID, password, func(u User) error {
		if err := s.Store.Delete(context.WithoutCancel(ctx), u.ID, s.after(claims)); err != nil {
			return err
		}
		s.Log.Info("tokens ended", "user", u.ID, "addr", remote, "why", "user deleted")
		return nil
	})
	return err
}

// Ended returns the users whose tokens ended so lately that one of them may not have
// expired. Fails with code unavailable.
func (s *Service) Ended(ctx context.Context) (token.Ended, error) {
	return s.Store.Ended(ctx, s.cfg.Now().Add(-token.Lifetime-2*token.Leeway))
}
