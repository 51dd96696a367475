package auth

import (
	"fmt"
	"math"
	"time"

	"chatlab/src/errs"
	"chatlab/src/wait"
)

// Limits protect the server and its accounts. A zero switches the limit that
// it belongs to off, except where its text says otherwise. A limit of an address
// (IPv6: one /64) holds at each auth server by itself.
type Limits struct {
	Connections       int           `mapstructure:"connections" usage:"connections in all; fewer where the descriptor limit allows fewer"`
	PerAddress        int           `mapstructure:"connections_per_address" usage:"connections from one address (IPv6: one /64); a class behind one NAT is one address"`
	RequestsPerSecond float64       `mapstructure:"requests_per_second" usage:"requests a second from one address, 0: no limit"`
	RequestBurst      int           `mapstructure:"request_burst" usage:"requests that an address may send at once"`
	SignInsPerSecond  float64       `mapstructure:"sign_ins_per_second" usage:"requests with a password a second from one address, 0: no limit"`
	SignInBurst       int           `mapstructure:"sign_in_burst" usage:"requests with a password that an address may send at once"`
	FailuresPerMinute float64       `mapstructure:"failures_per_minute" usage:"wrong passwords a minute from one address, whatever the id, 0: no limit"`
	FailureBurst      int           `mapstructure:"failure_burst" usage:"wrong passwords that an address may send at once"`
	LoginFailures     int           `mapstructure:"login_failures" usage:"wrong passwords in a row before an id is locked for the address they come from, 0: never"`
	IDFailures        int           `mapstructure:"id_failures" usage:"wrong passwords before an id is locked for every address that has not signed in to it lately, 0: never"`
	Lockout           time.Duration `mapstructure:"lockout" usage:"first lock of an id; doubles with each further wrong password"`
	LockoutMax        time.Duration `mapstructure:"lockout_max" usage:"longest lock of an id; failures are forgotten when none follows for twice as long"`
	Tracked           int           `mapstructure:"tracked" usage:"addresses whose limits are remembered (about 600 bytes each)"`
	HashSlots         int           `mapstructure:"hash_slots" usage:"passwords hashed at once, at most and by default (0) GOMAXPROCS"`
	HashQueue         int           `mapstructure:"hash_queue" usage:"requests that may wait for a hash slot; beyond it the address with the most of them loses one"`
	HashPlaces        int           `mapstructure:"hash_places" usage:"requests of one address among them"`
	HashWait          time.Duration `mapstructure:"hash_wait" usage:"longest wait for a hash slot"`
}

// DefaultLimits suit a class of two hundred behind one address.
func DefaultLimits() Limits {
	return Limits{
		Connections: 4096, PerAddress: 512,
		RequestsPerSecond: 50, RequestBurst: 500,
		SignInsPerSecond: 20, SignInBurst: 400,
		FailuresPerMinute: 30, FailureBurst: 100,
		LoginFailures: 10, IDFailures: 100, Lockout: 5 * time.Second, LockoutMax: 15 * time.Minute,
		Tracked: 20_000, HashQueue: 256, HashPlaces: 64, HashWait: 5 * time.Second,
	}
}

// Validate names the first key that makes no sense. Fails with code usage.
func (l Limits) Validate() error {
	locks := l.LoginFailures > 0 || l.IDFailures > 0
	for _, c := range []struct {
		bad  bool
		rule string
	}{
		{l.Connections < 1, "limits.connections must be 1 or more"},
		{l.PerAddress < 1, "limits.connections_per_address must be 1 or more"},
		badRate("requests_per_second", l.RequestsPerSecond), badBurst("request_burst", l.RequestsPerSecond, l.RequestBurst),
		badRate("sign_ins_per_second", l.SignInsPerSecond), badBurst("sign_in_burst", l.SignInsPerSecond, l.SignInBurst),
		badRate("failures_per_minute", l.FailuresPerMinute), badBurst("failure_burst", l.FailuresPerMinute, l.FailureBurst),
		{l.LoginFailures < 0, "limits.login_failures must not be negative"},
		{l.IDFailures < 0, "limits.id_failures must not be negative"},
		{locks && l.Lockout <= 0, "limits.lockout must be more than 0"},
		{locks && l.LockoutMax < l.Lockout, "limits.lockout_max must not be less than limits.lockout"},
		{l.Tracked < 1, "limits.tracked must be 1 or more"},
		{l.HashSlots < 0, "limits.hash_slots must not be negative"},
		{l.HashQueue < 0, "limits.hash_queue must not be negative"},
		{l.HashPlaces < 1, "limits.hash_places must be 1 or more"},
		{l.HashWait <= 0, "limits.hash_wait must be more than 0"},
	} {
		if c.bad {
			return errs.E(errs.Usage, "%s", c.rule)
		}
	}
	return nil
}

type rule = struct {
	bad  bool
	rule string
}

func badRate(key string, r float64) rule {
	return rule{r < 0 || math.IsNaN(r), fmt.Sprintf("limits.%s must not be negative", key)}
}

func badBurst(key string, r float64, burst int) rule {
	return rule{r > 0 && burst < 1, fmt.Sprintf("limits.%s must be 1 or more", key)}
}

// window is how long a wrong password counts: the longest lock, and as long after it.
func (l Limits) window() time.Duration { return 2 * l.LockoutMax }

// lockedUntil returns the end of the lock that failures bring, zero for none. A
// failure far in the future is ignored: a clock that was wrong has left it behind.
func (l Limits) lockedUntil(f Failed, limit int, now time.Time) time.Time {
	age := now.Sub(f.Last)
	if limit == 0 || f.Count < limit || age >= l.window() || age < -l.window() {
		return time.Time{}
	}
	return f.Last.Add(wait.Doubled(l.Lockout, l.LockoutMax, f.Count-limit))
}
