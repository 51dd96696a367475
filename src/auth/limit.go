package auth

import (
	"math"
	"time"

	"chatlab/src/errs"
)

// Limits protect the server and its accounts. A zero switches the limit that
// it belongs to off, except where its text says otherwise.
type Limits struct {
	RequestsPerSecond float64       `mapstructure:"requests_per_second" usage:"requests a second from one address (IPv6: one /64), 0: no limit"`
	RequestBurst      int           `mapstructure:"request_burst" usage:"requests that an address may send at once; a class behind one NAT is one address"`
	LoginFailures     int           `mapstructure:"login_failures" usage:"wrong passwords in a row before an account is locked, 0: never"`
	Lockout           time.Duration `mapstructure:"lockout" usage:"first lock of an account; doubles with each further wrong password"`
	LockoutMax        time.Duration `mapstructure:"lockout_max" usage:"longest lock of an account; failures are forgotten when none follows for as long"`
	Tracked           int           `mapstructure:"tracked" usage:"addresses, and accounts, whose limits are remembered (about 200 bytes each)"`
	HashSlots         int           `mapstructure:"hash_slots" usage:"passwords hashed at once, at most and by default (0) GOMAXPROCS"`
	HashQueue         int           `mapstructure:"hash_queue" usage:"requests that may wait for a hash slot; beyond it they get 503"`
}

// DefaultLimits suit a class of two hundred behind one address.
func DefaultLimits() Limits {
	return Limits{
		RequestsPerSecond: 50, RequestBurst: 500,
		LoginFailures: 10, Lockout: 5 * time.Second, LockoutMax: 15 * time.Minute,
		Tracked: 100_000, HashQueue: 256,
	}
}

// Validate names the first key that makes no sense. Fails with code usage.
func (l Limits) Validate() error {
	for _, c := range []struct {
		bad  bool
		rule string
	}{
		{l.RequestsPerSecond < 0 || math.IsNaN(l.RequestsPerSecond), "limits.requests_per_second must not be negative"},
		{l.RequestsPerSecond > 0 && l.RequestBurst < 1, "limits.request_burst must be 1 or more"},
		{l.LoginFailures < 0, "limits.login_failures must not be negative"},
		{l.LoginFailures > 0 && l.Lockout <= 0, "limits.lockout must be more than 0"},
		{l.LoginFailures > 0 && l.LockoutMax < l.Lockout, "limits.lockout_max must not be less than limits.lockout"},
		{l.Tracked < 1, "limits.tracked must be 1 or more"},
		{l.HashSlots < 0, "limits.hash_slots must not be negative"},
		{l.HashQueue < 0, "limits.hash_queue must not be negative"},
	} {
		if c.bad {
			return errs.E(errs.Usage, "%s", c.rule)
		}
	}
	return nil
}
