package auth

import (
	"context"
	"log/slog"
	"runtime"
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

// Deps are the parts that a service works with; all are needed.
type Deps struct {
	Store    Store
	Ring     *token.Ring
	Events   Events
	Log      *slog.Logger
	Registry prometheus.Registerer
}

// Password says which new passwords are taken.
type Password struct {
	MinLength    int  `mapstructure:"min_length" usage:"characters that a new password needs"`
	RefuseCommon bool `mapstructure:"refuse_common" usage:"refuse new passwords that are among the most common"`
}

// Config is how a service behaves.
type Config struct {
	Password Password
	Limits   Limits
	Params   Params           // costs of new hashes
	Now      func() time.Time // nil: time.Now
}

// Service signs users up and in. It is safe for concurrent use.
type Service struct {
	Deps
	cfg       Config
	hashes    *queue // for the one dear thing that a stranger can have done
	lines     *lines
	addresses *addresses
	decoy     phc // what the password of an unknown id is compared with
	metrics   *metrics
}

// New makes a service. Fails with code usage when the configuration makes no
// sense.
func New(d Deps, cfg Config) (*Service, error) {
	l := cfg.Limits
	if err := l.Validate(); err != nil {
		return nil, err
	}
	if !between(cfg.Password.MinLength, 1, MaxPassword) {
		return nil, errs.E(errs.Usage, "password.min_length must be from 1 to %d", MaxPassword)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	slots := runtime.GOMAXPROCS(0)
	if l.HashSlots > 0 {
		slots = min(slots, l.HashSlots)
	}
	s := &Service{
		Deps: d, cfg: cfg,
		hashes:    newQueue(slots, l.HashPlaces, l.HashQueue, l.HashWait),
		lines:     &lines{longest: l.HashWait, of: map[string]*queue{}, users: map[*queue]int{}},
		addresses: newAddresses(l),
		decoy:     phc{cfg.Params, make([]byte, saltLen), make([]byte, keyLen)},
	}
	s.metrics = newMetrics(d.Registry, s.hashes)
	return s, nil
}

// Ready tells why sign-ins cannot be served, or nil: the database takes writes and
// events are taken. Fails with code unavailable.
func (s *Service) Ready(ctx context.Context) error {
	if err := s.Store.Ready(ctx); err != nil {
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
// id_taken, rate_limited and unavailable. When a part goes away in the middle, the
// user may exist after an unavailable; a second attempt, or signing in, tells.
func (s *Service) SignUp(ctx context.Context, remote, id, password, email string) error {
	if err := checkNewID(id); err != nil {
		return err
	}
	if err := s.recordable(); err != nil {
		return err
	}
	err := s.create(ctx, peerOf(remote), id, password, email)
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

func (s *Service) create(ctx context.Context, from peer, id, password, email string) error {
	if err := s.checkNewPassword(id, password); err != nil {
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
	if err := s.hashing(ctx, from, func() { u.Hash = Hash(password, s.cfg.Params) }); err != nil {
		return err
	}
	// From here on the user may exist: the call is seen through.
	return s.Store.Create(context.WithoutCancel(ctx), u)
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
