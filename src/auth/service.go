package auth

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/token"
)

// What the service's events say.
const (
	server  = "auth"
	signIn  = "signin"
	signUp  = "signup"
	success = "success"
	fail    = "fail"
)

// Events is the event log as the service needs it: an event.Emitter.
type Events interface {
	// Emit returns when the events are durable. Fails with code unavailable.
	Emit(ctx context.Context, evs ...event.Event) error
	// Ready returns nil when Emit can be expected to succeed.
	Ready() error
}

// Deps are the parts that a service works with. Without Failures and Grants, which
// are shared with other authd, this one counts for itself; the others are needed.
type Deps struct {
	Store    Store
	Failures Failures
	Grants   Grants
	Ring     *token.Ring
	Events   Events
	Log      *slog.Logger
	Registry prometheus.Registerer
}

// Config is how a service behaves.
type Config struct {
	MinPassword int // characters of a new password, 1 to MaxPassword
	Limits      Limits
	Params      Params           // costs of new hashes
	Now         func() time.Time // nil: time.Now
}

// Service signs users up and in. It is safe for concurrent use.
type Service struct {
	Deps
	cfg       Config
	pool      *pool
	addresses *addresses
	exchange  *exchange // nil: there is none
	accounts  *accounts
	decoy     phc // what the password of an unknown id is compared with
	metrics   *metrics
}

// New makes a service. Fails with code usage when the configuration makes no
// sense.
func New(d Deps, cfg Config) (*Service, error) {
	if err := cfg.Limits.Validate(); err != nil {
		return nil, err
	}
	if !between(cfg.MinPassword, 1, MaxPassword) {
		return nil, errs.E(errs.Usage, "password.min_length must be from 1 to %d", MaxPassword)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Service{
		Deps: d, cfg: cfg,
		pool:      newPool(cfg.Limits.HashSlots, cfg.Limits.HashQueue),
		addresses: newAddresses(cfg.Limits),
		accounts:  newAccounts(cfg.Limits, d.Failures, d.Log),
		decoy:     phc{cfg.Params, make([]byte, saltLen), make([]byte, keyLen)},
	}
	if d.Grants != nil && cfg.Limits.RequestsPerSecond > 0 {
		s.exchange = newExchange(d.Grants, s.addresses, d.Log)
	}
	s.metrics = newMetrics(d.Registry, s.pool)
	return s, nil
}

// Ready tells why sign-ins cannot be served, or nil: the database answers and
// events are taken. Fails with code unavailable.
func (s *Service) Ready(ctx context.Context) error {
	if err := s.Store.Ping(ctx); err != nil {
		return err
	}
	return s.recordable()
}

func (s *Service) recordable() error {
	if err := s.Events.Ready(); err != nil {
		return errs.Wrap(err, errs.Unavailable, "the event log takes no events").WithRetry(2 * time.Second)
	}
	return nil
}

// record returns when the event is durable. What happened is recorded even if
// the peer has gone away since.
func (s *Service) record(ctx context.Context, category, id, data string) error {
	err := s.Events.Emit(context.WithoutCancel(ctx), event.Event{
		ID: event.NewID(s.cfg.Now()), Server: server, Category: category, Subject: id, Data: data,
	})
	if err != nil {
		return errs.Wrap(err, errs.Unavailable, "the event log did not take the event").WithRetry(2 * time.Second)
	}
	return nil
}

// SignUp adds a user. Fails with invalid_id, invalid_password, invalid_email,
// id_taken and unavailable. When a part goes away in the middle, the user may
// exist after an unavailable; a second attempt, or signing in, tells.
func (s *Service) SignUp(ctx context.Context, id, password, email string) error {
	if err := CheckID(id); err != nil {
		return err
	}
	if err := s.recordable(); err != nil {
		return err
	}
	err := s.create(ctx, id, password, email)
	switch errs.CodeOf(err) {
	case "":
		return s.record(ctx, signUp, id, success)
	case errs.InvalidPassword, errs.InvalidEmail, errs.IDTaken:
		if err := s.record(ctx, signUp, id, fail); err != nil {
			return err
		}
	}
	return err
}

func (s *Service) create(ctx context.Context, id, password, email string) error {
	if err := checkPassword(password, s.cfg.MinPassword); err != nil {
		return err
	}
	if err := checkEmail(email); err != nil {
		return err
	}
	// Asked before the hash is paid for; Create decides all the same.
	if _, err := s.Store.Get(ctx, id); err == nil {
		return errs.E(errs.IDTaken, "the id is taken")
	} else if !errs.Is(err, errs.NotFound) {
		return err
	}
	u := User{ID: id, Email: email, CreatedAt: s.cfg.Now().UTC().Truncate(time.Microsecond)}
	if err := s.hashing(ctx, func() { u.Hash = Hash(password, s.cfg.Params) }); err != nil {
		return err
	}
	// From here on the user may exist: the call is seen through.
	return s.Store.Create(context.WithoutCancel(ctx), u)
}

func (s *Service) hashing(ctx context.Context, work func()) error {
	return s.pool.do(ctx, func() {
		defer prometheus.NewTimer(s.metrics.hashing).ObserveDuration()
		work()
	})
}

// Login returns a new token for an id and its password; it names the id as it
// was stored. Fails with invalid_id, invalid_password (empty or too long),
// wrong_credentials, rate_limited and unavailable.
func (s *Service) Login(ctx context.Context, id, password string) (signed string, err error) {
	if err := CheckID(id); err != nil {
		return "", err
	}
	// The shortest length is a rule for new passwords: it may have been less
	// when this one was made.
	if err := checkPassword(password, 1); err != nil {
		return "", err
	}
	if err := s.recordable(); err != nil {
		return "", err
	}
	try, err := s.accounts.begin(ctx, id, s.cfg.Now())
	if err != nil {
		return "", err
	}
	how := undecided
	defer func() {
		if e := s.accounts.end(ctx, try, how, s.cfg.Now()); e != nil {
			signed, err = "", e
		}
	}()

	user, known, err := s.lookUp(ctx, id)
	if err != nil {
		return "", err
	}
	if how, err = s.verify(ctx, user, password); err != nil {
		return "", err
	}
	if !known || how == wrong {
		how = wrong
		if err := s.record(ctx, signIn, user.ID, fail); err != nil {
			return "", err
		}
		return "", errs.E(errs.WrongCredentials, "the id or the password is wrong")
	}
	if err := s.record(ctx, signIn, user.ID, success); err != nil {
		return "", err
	}
	signed, _, err = s.Ring.Issue(user.ID, s.cfg.Now())
	return signed, err
}

// lookUp returns the user with an id, or one without a hash when there is none.
func (s *Service) lookUp(ctx context.Context, id string) (u User, known bool, err error) {
	u, err = s.Store.Get(ctx, id)
	if errs.Is(err, errs.NotFound) {
		return User{ID: id}, false, nil
	}
	return u, err == nil, err
}

// verify spends one hash, whatever the user has stored, and brings an outdated
// hash up to date.
func (s *Service) verify(ctx context.Context, u User, password string) (outcome, error) {
	stored, how, fresh := s.decoy, wrong, ""
	if u.Hash != "" {
		parsed, err := parsePHC(u.Hash)
		if err != nil {
			s.Log.Error("a stored password hash cannot be used", "user", u.ID, "err", err)
		} else {
			stored = parsed
		}
	}
	err := s.hashing(ctx, func() {
		if !stored.matches(password) {
			return
		}
		how = right
		if !stored.current(s.cfg.Params) {
			fresh = Hash(password, s.cfg.Params)
		}
	})
	if err != nil {
		return undecided, err
	}
	if fresh != "" {
		// The old hash still works: a failure costs only the upgrade.
		if err := s.Store.UpdatePassword(ctx, u.ID, fresh); err != nil {
			s.Log.Warn("password hash not upgraded", "user", u.ID, "err", err)
		}
	}
	return how, nil
}

// Refresh returns a new token for the user of one that is still good. Fails
// with bad_token (also when the user is gone), token_expired and unavailable.
func (s *Service) Refresh(ctx context.Context, raw string) (string, error) {
	now := s.cfg.Now()
	claims, err := s.Ring.Verify(raw, now)
	if err != nil {
		return "", err
	}
	u, err := s.Store.Get(ctx, claims.User)
	if errs.Is(err, errs.NotFound) {
		return "", errs.Wrap(err, errs.BadToken, "the token is not valid").WithFix("sign in again")
	}
	if err != nil {
		return "", err
	}
	signed, _, err := s.Ring.Issue(u.ID, now)
	return signed, err
}

// Exists returns the id of a user as it was stored. Fails with invalid_id,
// not_found and unavailable.
func (s *Service) Exists(ctx context.Context, id string) (string, error) {
	if err := CheckID(id); err != nil {
		return "", err
	}
	u, err := s.Store.Get(ctx, id)
	if err != nil {
		return "", err
	}
	return u.ID, nil
}
